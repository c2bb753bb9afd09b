// Better responses that the model writes, and the file that keeps them: a killed run goes on behind the last one.
// Knows prompts, an engine and RUN/revisions.jsonl; it does not know what is learned.
import { open, readFile } from 'node:fs/promises';
import { dirname } from 'node:path';
import type { Engine } from '../engine/engine.ts';
import { WhetstoneError } from '../errors.ts';
import type { Triplet } from '../judgments/index.ts';
import { createRandom } from '../random.ts';
import type { Tokenizer } from '../tokens/index.ts';
import { explainFullDisk, hasCode, syncDirectory, writeAll, writeFileDurably } from '../durable/files.ts';

/** A response to revise, by its row's position in the data, and the prompt for it. */
export interface Draft {
  readonly index: number;
  readonly triplet: Triplet;
  /** Prompt token ids, shape [seq]. */
  readonly prompt: Int32Array;
}

/** A line of revisions.jsonl. */
export interface RevisionRow {
  /** Position of the row in the data, from 0. */
  readonly index: number;
  readonly instruction: string;
  readonly input?: string;
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
  readonly tokenizer: Pick<Tokenizer, 'decode'>;
  readonly maxNewTokens: number;
  readonly temperature: number;
  readonly seed: number;
  /** How many are written side by side; with a temperature they depend on it. */
  readonly atOnce: number;
  /** RUN/revisions.jsonl; null keeps them in memory. */
  readonly file: string | null;
  readonly signal?: AbortSignal;
  readonly onProgress?: (done: number, total: number) => void;
}

// Names this use of the seed, so that no other use of the same seed sees the same numbers.
const REVISION_STREAM = 3;

/**
 * Lets the model write a revision of every draft that `file` has none of, and returns all, in the drafts' order.
 *
 * Throws WhetstoneError `STOPPED` on an abort, after the revisions under way; `BAD_RUN` where the file holds other
 * rows than the drafts; `DISK_FULL`.
 */
export async function writeRevisions(
  drafts: readonly Draft[],
  settings: RevisionSettings,
): Promise<RevisionRow[]> {
  const { file, atOnce, signal, onProgress } = settings;
  const rows = file === null ? [] : await keptRevisions(file, drafts, atOnce);
  const log = file === null || rows.length === drafts.length ? null : await open(file, 'a');
  try {
    while (rows.length < drafts.length) {
      onProgress?.(rows.length, drafts.length);
      if (signal?.aborted) throw stopped(rows.length, drafts.length);
      const fresh = await revise(drafts.slice(rows.length, rows.length + atOnce), rows.length, settings);
      if (log) {
        // One write for all that were written side by side; after a kill within it they are written again.
        const lines = fresh.map((row) => `${JSON.stringify(row)}\n`).join('');
        await explainFullDisk(file!, () => writeAll(log, Buffer.from(lines)).then(() => log.sync()));
        if (rows.length === 0) await syncDirectory(dirname(file!));
      }
      rows.push(...fresh);
    }
    onProgress?.(rows.length, drafts.length);
    return rows;
  } finally {
    await log?.close();
  }
}

async function revise(
  drafts: readonly Draft[],
  done: number,
  { engine, tokenizer, maxNewTokens, temperature, seed }: RevisionSettings,
): Promise<RevisionRow[]> {
  const results = await engine.generate(
    drafts.map(({ prompt }, i) => ({
      prompt,
      sampling: { maxNewTokens, temperature, seed: createRandom(seed, REVISION_STREAM, done + i).uint32() },
    })),
  );
  return Promise.all(
    results.map(async ({ ids, finish }, i) => {
      const { index, triplet } = drafts[i]!;
      const { instruction, input, output, judgment } = triplet;
      const revision = await tokenizer.decode(ids, { skipSpecialTokens: true });
      return {
        ...{ index, instruction, ...(input !== undefined && { input }), output },
        ...{ judgment: judgment ?? '', revision, ...(finish !== 'end' && { finished: false as const }) },
      };
    }),
  );
}

/** The whole groups of revisions that an earlier session wrote; the file is cut back to them. */
async function keptRevisions(file: string, drafts: readonly Draft[], atOnce: number): Promise<RevisionRow[]> {
  const text = await readFile(file, 'utf8').catch((error: unknown) => {
    if (hasCode(error, 'ENOENT')) return '';
    throw error;
  });
  const lines = text.split('\n').slice(0, -1);
  const count = lines.length >= drafts.length ? drafts.length : lines.length - (lines.length % atOnce);
  const rows = lines.slice(0, count).map((line, i) => parseRow(line, drafts[i]!, file, i + 1));
  const kept = lines
    .slice(0, count)
    .map((line) => `${line}\n`)
    .join('');
  if (kept !== text) await writeFileDurably(file, kept);
  return rows;
}

function parseRow(line: string, { index, triplet }: Draft, file: string, at: number): RevisionRow {
  let row: Partial<RevisionRow> | null;
  try {
    row = JSON.parse(line) as Partial<RevisionRow> | null;
  } catch {
    row = null;
  }
  const { output, judgment } = triplet;
  const fits = row?.index === index && row.output === output && row.judgment === (judgment ?? '');
  if (fits && typeof row?.revision === 'string') return row as RevisionRow;
  throw new WhetstoneError('BAD_RUN', `expected the revision of row ${index + 1} of the data`, {
    file,
    line: at,
    hint: 'Remove this file to have the revisions written again, or start anew with --overwrite.',
  });
}

const stopped = (done: number, total: number): WhetstoneError =>
  new WhetstoneError('STOPPED', `stopped after ${done} of ${total} revisions`);

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
): string[] {
  if (written === 0) return [];
  const left = [
    empty > 0 && `${empty} with nothing in them`,
    unchanged > 0 && `${unchanged} that repeat the response`,
    unfinished > 0 && `${unfinished} that did not end within --revision_max_new_tokens`,
  ].filter((part) => part !== false);
  const where = file === null ? '' : ` (${file})`;
  const count = written === 1 ? '1 revision' : `${written} revisions`;
  const rest = left.length === 0 ? '' : `; left out are ${left.join(', ')}`;
  return [`The model wrote ${count}${where}${rest}.`];
}
