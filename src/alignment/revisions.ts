// Better responses that the model writes, and the file that keeps them: a line as soon as each is there, so that a killed
// run writes only the others. Knows prompts, an engine and RUN/revisions.jsonl; it does not know what is learned.
import { writeFileDurably } from '../durable/files.ts';
import { keptInMemory, openKept } from '../durable/kept.ts';
import type { LineFormat } from '../durable/kept.ts';
import { inParallel } from '../durable/pool.ts';
import { doWork } from '../durable/work.ts';
import type { Engine } from '../engine/engine.ts';
import { WhetstoneError } from '../errors.ts';
import { promptRow } from '../rows/conversation.ts';
import type { PromptRow } from '../rows/conversation.ts';
import type { Triplet } from '../judgments/index.ts';
import { createRandom } from '../random.ts';
import type { Tokenizer } from '../tokens/index.ts';
import { option } from '../words/option.ts';
import { note } from '../words/note.ts';
import type { Note } from '../words/note.ts';

/** A response to revise, by its row's position in the data, and the prompt for it. */
export interface Draft {
  readonly index: number;
  readonly triplet: Triplet;
  /** Prompt token ids, shape [seq]. */
  readonly prompt: Int32Array;
}

/** A line of revisions.jsonl. */
export interface RevisionRow extends PromptRow {
  /** Position of the row in the data, from 0. */
  readonly index: number;
  readonly output: string;
  readonly judgment: string;
  readonly revision: string;
  /** Only where the model did not end the revision within its limit of tokens. */
  readonly finished?: false;
}

/** What became of the model's revisions. */
export interface RevisionCounts {
  readonly written: number;
  readonly empty: number;
  /** The same as the response but for white space at its ends. */
  readonly unchanged: number;
  readonly unfinished: number;
}

export interface RevisionSettings {
  readonly engine: Pick<Engine, 'generate'>;
  readonly tokenizer: Pick<Tokenizer, 'decode' | 'stopTokenIds'>;
  readonly maxNewTokens: number;
  readonly temperature: number;
  readonly seed: number;
  /** RUN/revisions.jsonl; null keeps them in memory. */
  readonly file: string | null;
  readonly signal?: AbortSignal;
  readonly onProgress?: (done: number, total: number) => void;
}

// Names this use of the seed, so that no other use of the same seed sees the same numbers.
const REVISION_STREAM = 3;

/** More than an engine writes side by side, so that it always has something to go on with. */
const atOnce = 128;

/**
 * Lets the model write a revision of every draft that `file` has none of, and returns all, in the drafts' order, which
 * is also the order of the file once all are there.
 *
 * Throws WhetstoneError `STOPPED` on an abort; `BAD_RUN` where the file holds revisions of other rows than the drafts,
 * `DAMAGED_JOURNAL`; `DISK_FULL`.
 */
export async function writeRevisions(
  drafts: readonly Draft[],
  { file, signal, onProgress, ...settings }: RevisionSettings,
): Promise<RevisionRow[]> {
  const kept =
    file === null ? keptInMemory<RevisionRow>() : await openKept(file, revisionLines(drafts, file));
  try {
    await doWork<number, RevisionRow>({
      what: 'revisions',
      items: [...drafts.keys()],
      isKept: (place) => kept.results.has(String(place)),
      keep: (place, row) => kept.keep(String(place), row),
      work: (pending, hand) =>
        inParallel(
          pending,
          atOnce,
          async (place, stop) => {
            const row = await revise(drafts[place]!, place, settings, stop);
            if (row !== null) await hand(place, row);
          },
          { signal },
        ),
      signal,
      onProgress,
    });
  } finally {
    await kept.close();
  }
  const rows = drafts.map((_, place) => kept.results.get(String(place))!);
  const inOrder = [...kept.results.keys()].every((place, i) => place === String(i));
  if (file !== null && !inOrder)
    await writeFileDurably(file, rows.map((row) => `${JSON.stringify(row)}\n`).join(''));
  return rows;
}

/** Null where it was given up. */
async function revise(
  { index, triplet, prompt }: Draft,
  place: number,
  { engine, tokenizer, maxNewTokens, temperature, seed }: Omit<RevisionSettings, 'file'>,
  signal: AbortSignal,
): Promise<RevisionRow | null> {
  const sampling = { maxNewTokens, temperature, seed: createRandom(seed, REVISION_STREAM, place).uint32() };
  const endTokens = new Set(tokenizer.stopTokenIds);
  const [found] = await engine.generate([{ prompt, sampling, endTokens, signal }]);
  const { ids, finish } = found!;
  if (finish === 'aborted') return null;
  const { output, judgment } = triplet;
  return {
    index,
    ...promptRow(triplet),
    output,
    judgment: judgment ?? '',
    revision: await tokenizer.decode(ids, { skipSpecialTokens: true }),
    ...(finish !== 'end' && { finished: false }),
  };
}

/** Rows by their draft's place among the drafts. */
function revisionLines(drafts: readonly Draft[], file: string): LineFormat<RevisionRow> {
  const places = new Map(drafts.map(({ index }, place) => [index, place]));
  return {
    read: (value, line) => {
      const { index, output, judgment, revision } = value as Partial<RevisionRow>;
      if (index === undefined || typeof revision !== 'string') return null;
      const place = places.get(index);
      const triplet = place === undefined ? null : drafts[place]!.triplet;
      if (triplet?.output === output && (triplet?.judgment ?? '') === judgment)
        return [String(place), value as unknown as RevisionRow];
      throw new WhetstoneError('BAD_RUN', `row ${index + 1} of the data is not what was revised`, {
        file,
        line,
        hint: `Remove this file to have the revisions written again, or start anew with ${option('overwrite')}.`,
      });
    },
    write: (_, row) => row,
  };
}

/** The triplets with the revisions that can be learned from; the others stay without, and are counted. */
export function withRevisions(
  triplets: readonly Triplet[],
  rows: readonly RevisionRow[],
): { triplets: Triplet[]; counts: RevisionCounts } {
  const counts = { written: rows.length, empty: 0, unchanged: 0, unfinished: 0 };
  const revised = [...triplets];
  for (const { index, output, revision, finished } of rows) {
    if (finished === false) counts.unfinished++;
    else if (revision.trim() === '') counts.empty++;
    else if (revision.trim() === output.trim()) counts.unchanged++;
    else revised[index] = { ...triplets[index]!, revision };
  }
  return { triplets: revised, counts };
}

/** What the user should know of the revisions. */
export function revisionNotes(
  { written, empty, unchanged, unfinished }: RevisionCounts,
  file: string | null,
): Note[] {
  if (written === 0) return [];
  const left = [
    empty > 0 && `${empty} with nothing in them`,
    unchanged > 0 && `${unchanged} that repeat the response`,
    unfinished > 0 && `${unfinished} that did not end within ${option('revisionMaxNewTokens')}`,
  ].filter((part) => part !== false);
  const where = file === null ? '' : ` (${file})`;
  const count = written === 1 ? '1 revision' : `${written} revisions`;
  const rest = left.length === 0 ? '' : `; left out are ${left.join(', ')}`;
  return [note('REVISIONS_WRITTEN', `The model wrote ${count}${where}${rest}.`)];
}
