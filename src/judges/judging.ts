// Judging a list of rows into a file, safe from kills: each outcome is in a journal beside the file before it counts,
// and the file appears when every row has one. The journal stays, as the record of who judged. Knows no particular
// judge.
import { createHash } from 'node:crypto';
import { dirname } from 'node:path';
import { exists, makeFolder, remove, replaceFile } from '../durable/files.ts';
import { openKept } from '../durable/kept.ts';
import type { Kept } from '../durable/kept.ts';
import { lockFile } from '../durable/lock.ts';
import { doWork } from '../durable/work.ts';
import { WhetstoneError } from '../errors.ts';
import { marksOf, spansOf } from '../judgments/marks.ts';
import { writeTriplets } from '../judgments/write.ts';
import { jsonText } from '../rows/json.ts';
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
  /** Has the pending requests judged. Throws what the judge throws, and WhetstoneError `STOPPED` after an abort. */
  judge(judge: Pick<Judge, 'judge'>, settings?: JudgingSettings): Promise<void>;
  /** Resolves when the outcome is on disk. */
  record(outcome: Outcome): Promise<void>;
  /**
   * Writes the judged rows, in the order of the input, and the unscored ones into a file of their own; does nothing
   * where that has been done and no outcome came since. Unscored rows are pending when it is opened again.
   */
  finish(): Promise<{ readonly judged: readonly Judged[]; readonly unscored: readonly Unscored[] }>;
  close(): Promise<void>;
}

export interface JudgingSettings {
  readonly signal?: AbortSignal | undefined;
  /** Hears of each outcome once it is on disk. */
  readonly onProgress?: ((progress: JudgingProgress) => void) | undefined;
}

export interface JudgingProgress {
  /** Rows that are judged or have an outcome of this call, and all rows. */
  readonly done: number;
  readonly total: number;
  /** Rows that this call found no readable answer for. */
  readonly unscored: number;
}

/** The journal's first line. */
interface Beginning {
  readonly judging: 1;
  readonly rows: string;
  readonly judge: string;
  readonly name: string;
}

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
  await makeFolder(dirname(out));
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

interface OutcomeJournal {
  readonly kept: Kept<Outcome>;
  /** Null where there is no line yet. */
  readonly first: Partial<Beginning> | null;
  /** Whether all that came before is in the files. */
  readonly finished: boolean;
}

async function openOutcomes(path: string): Promise<OutcomeJournal> {
  let first: Partial<Beginning> | null = null;
  let finished = false;
  const kept = await openKept<Outcome>(path, {
    read: (entry, line) => {
      if (line === 1) first = entry;
      finished = entry['finished'] === true;
      if (entry['judging'] === 1 || finished) return 'other';
      const { id, judgment, unscored, errors: marks } = entry;
      if (typeof id !== 'string') return null;
      const errors = marks === undefined ? undefined : spansOf(marks);
      const readable = judgment === null || typeof judgment === 'string' || typeof unscored === 'string';
      if (!readable || errors === null) return null;
      return [id, { ...(entry as object as Outcome), ...(errors && { errors }) }];
    },
    write: (_, outcome) =>
      isJudged(outcome) && outcome.errors ? { ...outcome, errors: marksOf(outcome.errors) } : outcome,
  });
  return { kept, first, finished };
}

async function openMatching(
  files: JudgingFiles,
  beginning: Beginning,
  overwrite: boolean,
): Promise<OutcomeJournal> {
  const began = await exists(files.journal);
  if (!began && !overwrite && (await exists(files.out))) {
    throw new WhetstoneError('FILE_EXISTS', 'the file exists already', {
      file: files.out,
      hint: `Choose another name, or allow it to be replaced with ${option('overwrite')}.`,
    });
  }
  let journal = await openOutcomes(files.journal);
  const { first } = journal;
  const same = first?.rows === beginning.rows && first.judge === beginning.judge;
  if (first !== null && !same) {
    await journal.kept.close();
    if (!overwrite) throw changed(files.journal, first, beginning);
    await remove(files.journal);
    journal = await openOutcomes(files.journal);
  }
  if (!same) {
    await journal.kept.note(beginning).catch(async (error: unknown) => {
      await journal.kept.close();
      throw error;
    });
  }
  return journal;
}

function changed(file: string, before: Partial<Beginning>, beginning: Beginning): WhetstoneError {
  const what =
    before.judging !== 1
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
  { kept, finished }: OutcomeJournal,
  release: () => Promise<void>,
): Judging {
  const outcomes = kept.results;
  let written = finished;
  const judged = new Map<string, Judged>();
  for (const outcome of outcomes.values()) if (isJudged(outcome)) judged.set(outcome.id, outcome);
  const pending = rows.map(({ request }) => request).filter(({ id }) => !judged.has(id));
  const record = async (outcome: Outcome): Promise<void> => {
    await kept.keep(outcome.id, outcome);
    written = false;
  };
  return {
    judged,
    pending,
    repaired: kept.repaired,
    record,
    judge: async (judge, { signal, onProgress } = {}) => {
      let unscored = 0;
      await doWork<string, Outcome>({
        what: 'judgments',
        items: rows.map(({ request }) => request.id),
        isKept: (id) => judged.has(id),
        keep: async (_, outcome) => {
          await record(outcome);
          if (!isJudged(outcome)) unscored++;
        },
        work: (_, hand) =>
          judge.judge(pending, {
            onOutcome: (outcome) => hand(outcome.id, outcome),
            ...(signal && { signal }),
          }),
        signal,
        onProgress: (done, total) => {
          // At the beginning there is nothing to tell yet.
          if (done > judged.size) onProgress?.({ done, total, unscored });
        },
      });
    },
    finish: async () => {
      const all = rows.map(({ request }) => outcomes.get(request.id));
      const missing = all.filter((outcome) => outcome === undefined).length;
      if (missing > 0) throw new Error(`${missing} rows have no outcome`);
      const unscored = all.filter((outcome): outcome is Unscored => !isJudged(outcome!));
      if (!written || !(await exists(files.out))) {
        await writeTriplets(files.out, triplets(rows, outcomes), { overwrite: true });
        if (unscored.length > 0) await writeUnscored(files.unscored, rows, outcomes);
        else await remove(files.unscored);
        await kept.note({ finished: true });
        written = true;
      }
      return { judged: all.filter((outcome): outcome is Judged => isJudged(outcome!)), unscored };
    },
    close: async () => {
      await kept.close();
      await release();
    },
  };
}

function* triplets(rows: readonly JudgeRow[], outcomes: ReadonlyMap<string, Outcome>) {
  for (const { request, triplet } of rows) {
    const outcome = outcomes.get(request.id)!;
    if (!isJudged(outcome)) continue;
    const { judgment, errors } = outcome;
    yield { ...triplet, judgment, ...(errors && { errors }) };
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
      await append(`${jsonText({ row: source.row, ...fields, reason: outcome.unscored })}\n`);
    }
  });
}

const digestOf = (rows: readonly JudgeRow[]): string => {
  const hash = createHash('sha256');
  for (const { request } of rows) hash.update(`${JSON.stringify(request)}\n`);
  return hash.digest('hex');
};
