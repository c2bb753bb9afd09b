// Judging a list of rows into a file, safe from kills: each outcome is in a journal beside the file before it counts,
// and the file appears when every row has one. The journal stays, as the record of who judged. Knows no particular
// judge.
import { createHash } from 'node:crypto';
import { mkdir, rm, stat } from 'node:fs/promises';
import { dirname } from 'node:path';
import { replaceFile } from '../durable/files.ts';
import { openJournal } from '../durable/journal.ts';
import type { Journal } from '../durable/journal.ts';
import { lockFile } from '../durable/lock.ts';
import { WhetstoneError } from '../errors.ts';
import { writeTriplets } from '../judgments/write.ts';
import { isJudged } from './judge.ts';
import type { Judge, Judged, JudgeRequest, Outcome, Unscored } from './judge.ts';
import type { JudgeRow } from './judge-rows.ts';
import { option } from '../words/option.ts';

export interface JudgingFiles {
  /** .jsonl or .json; canonical triplets. */
  readonly out: string;
  /** Rows that the judge gave no readable answer to, with the reason. */
  readonly unscored: string;
  readonly journal: string;
}

export const judgingFiles = (out: string): JudgingFiles => ({
  out,
  unscored: `${out}.unscored.jsonl`,
  journal: `${out}.journal.jsonl`,
});

export interface Judging {
  /** What earlier processes left: judgments by request id. */
  readonly judged: ReadonlyMap<string, Judged>;
  /** Requests without a judgment, those that were unscored before included. */
  readonly pending: readonly JudgeRequest[];
  /** Whether a record that a kill had cut off was removed. */
  readonly repaired: boolean;
  /** Resolves when the outcome is on disk. */
  record(outcome: Outcome): Promise<void>;
  /**
   * Writes the judged rows, in the order of the input, and the unscored ones into a file of their own; does nothing
   * where that has been done and no outcome came since. Unscored rows are pending when it is opened again.
   */
  finish(): Promise<{ readonly judged: readonly Judged[]; readonly unscored: readonly Unscored[] }>;
  close(): Promise<void>;
}

interface Beginning {
  readonly judging: 1;
  readonly rows: string;
  readonly judge: string;
  readonly name: string;
}
/** All that came before is in the files. */
interface Finished {
  readonly finished: true;
}
type Entry = Beginning | Finished | Outcome;

/**
 * Begins, or goes on where an earlier process stopped. Throws WhetstoneError `FILE_EXISTS` (something else is at
 * `out`), `JUDGING_CHANGED` (the journal is of other rows or another judge), both unless `overwrite`; `RUN_LOCKED`
 * and `DAMAGED_JOURNAL`.
 */
export async function openJudging(
  out: string,
  rows: readonly JudgeRow[],
  judge: Pick<Judge, 'name' | 'fingerprint'>,
  overwrite: boolean,
): Promise<Judging> {
  const files = judgingFiles(out);
  await mkdir(dirname(out), { recursive: true });
  const lock = await lockFile(out);
  try {
    const beginning: Beginning = {
      judging: 1,
      rows: digestOf(rows),
      judge: judge.fingerprint,
      name: judge.name,
    };
    const journal = await openMatching(files, beginning, overwrite);
    return createJudging(files, rows, journal, lock.release);
  } catch (error) {
    await lock.release();
    throw error;
  }
}

async function openMatching(
  files: JudgingFiles,
  beginning: Beginning,
  overwrite: boolean,
): Promise<Journal<Entry>> {
  const began = await exists(files.journal);
  if (!began && !overwrite && (await exists(files.out))) {
    throw new WhetstoneError('FILE_EXISTS', 'the file exists already', {
      file: files.out,
      hint: `Choose another name, or allow it to be replaced with ${option('overwrite')}.`,
    });
  }
  let journal = await openJournal(files.journal, parseEntry);
  const [first] = journal.records;
  const same =
    first && 'judging' in first && first.rows === beginning.rows && first.judge === beginning.judge;
  if (first && !same) {
    await journal.close();
    if (!overwrite) throw changed(files.journal, first, beginning);
    await rm(files.journal);
    journal = await openJournal(files.journal, parseEntry);
  }
  if (!same) await journal.append(beginning);
  return journal;
}

function changed(file: string, first: Entry, beginning: Beginning): WhetstoneError {
  const before = 'judging' in first ? first : null;
  const what =
    before === null
      ? 'this is no journal of judgments'
      : before.rows !== beginning.rows
        ? 'the rows have changed since this was begun'
        : before.name !== beginning.name
          ? `this was begun with ${before.name}, now it is ${beginning.name}`
          : `this was begun with other settings of ${before.name}`;
  return new WhetstoneError('JUDGING_CHANGED', what, {
    file,
    hint: `Go on with the same rows and judge, choose another ${option('out')}, or drop what was judged with ${option('overwrite')}.`,
  });
}

function createJudging(
  files: JudgingFiles,
  rows: readonly JudgeRow[],
  journal: Journal<Entry>,
  release: () => Promise<void>,
): Judging {
  const outcomes = new Map<string, Outcome>();
  for (const entry of journal.records) if ('id' in entry) outcomes.set(entry.id, entry);
  let written = 'finished' in (journal.records.at(-1) ?? {});
  const judged = new Map<string, Judged>();
  for (const outcome of outcomes.values()) if (isJudged(outcome)) judged.set(outcome.id, outcome);
  return {
    judged,
    pending: rows.map(({ request }) => request).filter(({ id }) => !judged.has(id)),
    repaired: journal.repaired,
    record: async (outcome) => {
      await journal.append(outcome);
      outcomes.set(outcome.id, outcome);
      written = false;
    },
    finish: async () => {
      const all = rows.map(({ request }) => outcomes.get(request.id));
      const missing = all.filter((outcome) => outcome === undefined).length;
      if (missing > 0) throw new Error(`${missing} rows have no outcome`);
      const unscored = all.filter((outcome): outcome is Unscored => !isJudged(outcome!));
      if (!written || !(await exists(files.out))) {
        await writeTriplets(files.out, triplets(rows, outcomes), { overwrite: true });
        if (unscored.length > 0) await writeUnscored(files.unscored, rows, outcomes);
        else await rm(files.unscored, { force: true });
        await journal.append({ finished: true });
        written = true;
      }
      return { judged: all.filter((outcome): outcome is Judged => isJudged(outcome!)), unscored };
    },
    close: async () => {
      await journal.close();
      await release();
    },
  };
}

function* triplets(rows: readonly JudgeRow[], outcomes: ReadonlyMap<string, Outcome>) {
  for (const { request, triplet } of rows) {
    const outcome = outcomes.get(request.id)!;
    if (isJudged(outcome)) yield { ...triplet, judgment: outcome.judgment };
  }
}

async function writeUnscored(
  path: string,
  rows: readonly JudgeRow[],
  outcomes: ReadonlyMap<string, Outcome>,
): Promise<void> {
  await replaceFile(path, async (append) => {
    for (const { request, triplet } of rows) {
      const outcome = outcomes.get(request.id)!;
      if (isJudged(outcome)) continue;
      const { source, ...fields } = triplet;
      await append(`${JSON.stringify({ row: source.row, ...fields, reason: outcome.unscored })}\n`);
    }
  });
}

function parseEntry(value: unknown): Entry | null {
  const entry = (value ?? {}) as Partial<Record<string, unknown>>;
  if (entry['judging'] === 1 || entry['finished'] === true) return value as Beginning | Finished;
  if (typeof entry['id'] !== 'string') return null;
  const { judgment, unscored } = entry;
  return judgment === null || typeof judgment === 'string' || typeof unscored === 'string'
    ? (value as Outcome)
    : null;
}

const digestOf = (rows: readonly JudgeRow[]): string => {
  const hash = createHash('sha256');
  for (const { request } of rows) hash.update(`${JSON.stringify(request)}\n`);
  return hash.digest('hex');
};

const exists = (path: string): Promise<boolean> =>
  stat(path).then(
    () => true,
    () => false,
  );
