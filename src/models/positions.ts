// How it is told where a model's positions end. Pure.
import { note } from '../words/note.ts';
import type { Note } from '../words/note.ts';

/** Behind a number of positions: nothing, or the field of config.json that ends them. */
export const endedBy = (field: string | null): string => (field === null ? '' : ` (${field})`);

/** Of a model that would take more positions if all of its rope could be computed. */
export function noteOnPositions(maxPositions: number, field: string | null): Note[] {
  if (field === null) return [];
  const text = `${field} is ${maxPositions}: longer sequences, for which longrope has other factors, are refused.`;
  return [note('SHORT_POSITIONS', text)];
}
