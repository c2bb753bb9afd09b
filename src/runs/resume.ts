// What a session is to do with a run that is there, and what it must not find changed. Knows no settings.
import { WhetstoneError } from '../errors.ts';
import { option } from '../words/option.ts';
import type { RunRecord } from './record.ts';
import { recordFault } from './record.ts';
import { note } from '../words/note.ts';
import type { Note } from '../words/note.ts';

/** What to do with a run that is there: refuse it, go on with it, or move it aside. */
export type OpenMode = 'new' | 'resume' | 'overwrite';

/** The two options that say so; that both are given is refused before (`bothWays`). */
export const openMode = ({
  resume = false,
  overwrite = false,
}: {
  readonly resume?: boolean | undefined;
  readonly overwrite?: boolean | undefined;
}): OpenMode => (overwrite ? 'overwrite' : resume ? 'resume' : 'new');

/** When the run began; now for a new one. Throws WhetstoneError `BAD_RUN` for a record that does not say. */
export function startOf(recorded: RunRecord | null): Date {
  if (recorded === null) return new Date();
  const { started } = recorded.run;
  const date = new Date(typeof started === 'string' ? started : NaN);
  if (Number.isNaN(date.getTime())) throw recordFault(recorded, 'started', 'a moment in ISO 8601', started);
  return date;
}

/** Throws WhetstoneError `RESUME_MISMATCH` that lists the differences, if there are any; `advice` is what else can be done. */
export function refuseDifferences(out: string, differences: readonly string[], advice = ''): void {
  if (differences.length === 0) return;
  throw new WhetstoneError('RESUME_MISMATCH', 'this run cannot go on with what has changed', {
    file: out,
    problems: differences.map((problem) => ({ problem })),
    hint: `${advice}Leave these options out or restore the files to go on with the run, or start anew with ${option('overwrite')}.`,
  });
}

/** For a session that was told to go on and found nothing to go on with. */
export const nothingToResume = (out: string): Note =>
  note('NOTHING_TO_RESUME', `There was no run in ${out} to go on with; this starts it.`);
