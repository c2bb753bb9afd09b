// The phase before training in which the model revises what was judged: which prompts it sees, and what becomes of
// what it writes. Knows templates and settings; revisions.ts keeps the file.
import { join } from 'node:path';
import type { Engine, Sequence } from '../engine/engine.ts';
import { WhetstoneError } from '../errors.ts';
import { wordsOf } from '../judgments/index.ts';
import type { Triplet } from '../judgments/index.ts';
import { encodePieces, truncateLeft } from '../tokens/index.ts';
import type { RunData } from './data.ts';
import { methodNamed } from './methods.ts';
import { revisionNotes, withRevisions, writeRevisions } from './revisions.ts';
import type { Draft } from './revisions.ts';
import type { AlignSettings } from './settings.ts';
import { option } from '../words/option.ts';
import type { Note } from '../words/note.ts';

/** A draft, and a sequence as long as its prompt and the longest revision. */
export interface SizedDraft extends Draft {
  readonly whole: Sequence;
}

/**
 * The prompts for better responses of the triplets at `positions`, in that order. A prompt that leaves no room for
 * a revision within the cut-off or the model's positions loses its beginning but for a BOS.
 *
 * Throws WhetstoneError `SEQUENCE_TOO_LONG` if the longest revision leaves no room at all, and `TEMPLATE_LACKS`.
 */
export async function encodeDrafts(
  positions: readonly number[],
  { triplets, tokenizer, template }: Pick<RunData, 'triplets' | 'tokenizer' | 'template'>,
  { cutoffLen, revisionMaxNewTokens }: AlignSettings,
  maxPositions: number,
): Promise<SizedDraft[]> {
  const cutoffLength = Math.min(cutoffLen, maxPositions);
  const drafts: SizedDraft[] = [];
  for (const index of positions) {
    const triplet = triplets[index]!;
    const { file, row } = triplet.source;
    const pieces = template.renderRevision(triplet, triplet.output, wordsOf(triplet) ?? template.praise);
    const ids = await encodePieces(tokenizer, template, pieces, { file, row });
    const long = { ids: new Int32Array(ids.length + revisionMaxNewTokens), responseStart: ids.length };
    long.ids.set(ids);
    const cut = truncateLeft(long, { cutoffLength, bosTokenId: tokenizer.bosTokenId });
    if (cut === null) throw noRoom(revisionMaxNewTokens, cutoffLength);
    const { sequence: whole } = cut;
    drafts.push({ index, triplet, prompt: whole.ids.subarray(0, whole.responseStart), whole });
  }
  return drafts;
}

export interface ReviseOptions {
  readonly engine: Pick<Engine, 'generate'>;
  readonly settings: AlignSettings;
  /** Run directory; without one the revisions are kept in memory. */
  readonly out?: string;
  readonly signal?: AbortSignal;
  readonly onRevision?: (done: number, total: number) => void;
}

/**
 * The triplets with the revisions that can be learned from, which the model writes for `drafts` unless an earlier
 * session did, and what the user should know of them.
 *
 * Throws what `writeRevisions` throws, and WhetstoneError `NOTHING_TO_LEARN` if no triplet has a revision.
 */
export async function reviseRows(
  drafts: readonly Draft[],
  { triplets, positions, tokenizer }: Pick<RunData, 'triplets' | 'positions' | 'tokenizer'>,
  { engine, settings, out, signal, onRevision }: ReviseOptions,
): Promise<{ triplets: readonly Triplet[]; notes: readonly Note[] }> {
  if (drafts.length === 0) return { triplets, notes: [] };
  const file = out === undefined ? null : join(out, 'revisions.jsonl');
  const rows = await writeRevisions(drafts, {
    engine,
    tokenizer,
    file,
    seed: settings.seed,
    maxNewTokens: settings.revisionMaxNewTokens,
    temperature: settings.revisionTemperature,
    ...(signal && { signal }),
    ...(onRevision && { onProgress: onRevision }),
  });
  const revised = withRevisions(triplets, rows);
  const notes = revisionNotes(revised.counts, file);
  const { usable } = methodNamed(settings.method);
  const learned = positions
    .map((position) => revised.triplets[position]!)
    .filter((triplet) => usable(triplet, settings) && triplet.revision !== undefined);
  if (learned.length === 0) throw noRevisions(settings, notes);
  return { triplets: revised.triplets, notes };
}

const noRoom = (maxNewTokens: number, limit: number): WhetstoneError =>
  new WhetstoneError(
    'SEQUENCE_TOO_LONG',
    `revisions of ${maxNewTokens} tokens leave no room for a prompt within ${limit}, the most that the model takes`,
    { hint: `Lower ${option('revisionMaxNewTokens')}.` },
  );

const noRevisions = ({ method }: AlignSettings, notes: readonly Note[]): WhetstoneError =>
  new WhetstoneError(
    'NOTHING_TO_LEARN',
    `method "${method}" learns from revisions, and there are none. ${notes.map(({ text }) => text).join(' ')}`,
    {
      hint:
        'A model that does not revise cannot be taught by its revisions: give rows with "revision", or use ' +
        'another method.',
    },
  );
