// A file under review: its rows as they are read and looked at, what was decided about them, and the new file that comes
// of it. The file itself is never touched. Knows no page.
import { stat } from 'node:fs/promises';
import { dirname } from 'node:path';
import { isDeepStrictEqual } from 'node:util';
import { makeFolder } from '../../durable/files.ts';
import { lockFile } from '../../durable/lock.ts';
import { WhetstoneError } from '../../errors.ts';
import { fileError } from '../../rows/input-file.ts';
import { sha256File } from '../../runs/digests.ts';
import type { Finding } from '../findings.ts';
import { openTriplets } from '../read.ts';
import type { OpenTriplets } from '../read.ts';
import { writeLeftOut } from '../sound.ts';
import type { LeftOut } from '../sound.ts';
import type { Triplet } from '../triplet.ts';
import { canonicalRow, writeRows } from '../write.ts';
import { openDecisions } from './decisions.ts';
import type { Action, Decisions, RowKey } from './decisions.ts';
import { actionsOf, findingsLeft, hasError, outcomeOf } from './entry.ts';
import type { Entry } from './entry.ts';
import { tallyOf } from './tally.ts';
import type { Sums, Tally, View } from './tally.ts';
import { lookThrough } from './look-through.ts';
import type { Looked, Measure, Progress } from './look-through.ts';

export interface ReviewOptions {
  /** Where what is decided is kept, for the file's content by its SHA-256 in hex. */
  readonly journal: (digest: string) => string;
  /** What counts tokens; null counts characters. It is opened once the rows have been looked at. */
  readonly measure: (() => Promise<Measure>) | null;
  /** After each change of what the review says. */
  readonly onChange: () => void;
}

export interface ReviewSummary extends Sums {
  readonly format: string | null;
  readonly layout: string | null;
  readonly progress: Progress;
  /** Why the file cannot be read to its end, or its tokens not be counted. */
  readonly problem: string | null;
  readonly rows: number;
}

export interface Written {
  readonly file: string;
  readonly rows: number;
  /** Rows that cannot be read and were not dropped; the reasons are beside the file. */
  readonly leftOut: number;
  /** Rows written in which the check finds an error. */
  readonly withErrors: number;
}

export interface Review {
  readonly file: string;
  summary(): ReviewSummary;
  /** Lengths, of the longest sequence in tokens or of all texts in characters; in no order that means anything. */
  lengths(): { readonly unit: 'tokens' | 'characters'; readonly values: readonly number[] };
  /** Null before it is known, and where characters are counted. */
  measure(): Measure | null;
  entry(at: number): Entry | null;
  actions(entry: Entry): ReadonlySet<Action>;
  /** Places of the entries of a view, in file order. */
  view(view: View): readonly number[];
  /** Throws WhetstoneError `STILL_READING`. */
  decide(action: Action, on: boolean, places: readonly number[]): Promise<void>;
  /** Places of the rows that it was about; null where there was nothing to take back. */
  undo(): Promise<readonly number[] | null>;
  /** Throws WhetstoneError `STILL_READING`, `FILE_CHANGED`, and as `writeRows`. */
  write(out: string): Promise<Written>;
  /** Lets go of everything, whatever is under way. */
  close(): Promise<void>;
}

/**
 * Opens a file, which goes on being read, looked at and counted afterwards. Throws WhetstoneError as `openTriplets` and
 * `openDecisions`, and `RUN_LOCKED` where another process reviews the same content.
 */
export async function openReview(file: string, options: ReviewOptions): Promise<Review> {
  const begun = await stateOf(file);
  let read = 0;
  const opened = await openTriplets(file, { onRead: (bytes) => (read = bytes) });
  const journal = options.journal(await sha256File(file));
  await makeFolder(dirname(journal));
  const lock = await lockFile(journal);
  const decisions = await openDecisions(journal).catch(async (error: unknown) => {
    await lock.release();
    throw error;
  });
  const entries: Entry[] = [];
  const tally = tallyOf((entry) => decisions.of(entry.key));
  const looked = lookThrough(opened, {
    ...{
      entries,
      measure: options.measure,
      onChange: options.onChange,
      bytes: begun.size,
      bytesRead: () => read,
    },
    onEntry: (at) => tally.count(at, entries[at]!),
  });
  return reviewOf({
    ...{ file, begun, opened, decisions, looked, tally },
    changed: options.onChange,
    close: async () => {
      await looked.stop();
      await decisions.close();
      await lock.release();
    },
  });
}

interface Parts {
  readonly file: string;
  readonly begun: FileState;
  readonly opened: OpenTriplets;
  readonly decisions: Decisions;
  readonly looked: Looked;
  readonly tally: Tally;
  readonly changed: () => void;
  readonly close: () => Promise<void>;
}

function reviewOf({ file, begun, opened, decisions, looked, tally, changed, close }: Parts): Review {
  const { entries } = looked;
  const actions = (entry: Entry): ReadonlySet<Action> => decisions.of(entry.key);
  const places = new Map<RowKey, number>();
  const placeOf = (key: RowKey): number | undefined => {
    for (let at = places.size; at < entries.length; at++) places.set(entries[at]!.key, at);
    return places.get(key);
  };
  const requireRead = (): void => {
    if (looked.isRead()) return;
    throw new WhetstoneError(
      'STILL_READING',
      looked.problem() === null ? 'the file is still being read' : 'the file cannot be read to its end',
      {
        file,
        hint: looked.problem() === null ? 'Wait until all of its rows are there.' : 'Correct it there first.',
      },
    );
  };
  const outcome = (entry: Entry): readonly Triplet[] => outcomeOf(entry, actions(entry));
  return {
    file,
    summary: () => ({
      ...{ format: opened.format, layout: looked.layout(), progress: looked.progress() },
      ...{ problem: looked.problem(), rows: looked.rows(), ...tally.sums() },
    }),
    lengths: () => looked.lengths(),
    measure: () => looked.measure(),
    entry: (at) => entries[at] ?? null,
    actions,
    view: (view) => tally.places(view),
    decide: async (action, on, at) => {
      requireRead();
      const about = at.flatMap((each) => entries[each] ?? []);
      await decisions.decide(
        action,
        on,
        about.filter((entry) => actionsOf(entry).includes(action)).map(({ key }) => key),
      );
      for (const each of at) if (entries[each]) tally.count(each, entries[each]);
      changed();
    },
    undo: async () => {
      const keys = await decisions.undo();
      if (keys === null) return null;
      const about = keys.flatMap((key) => placeOf(key) ?? []);
      for (const at of about) tally.count(at, entries[at]!);
      changed();
      return about;
    },
    write: async (out) => {
      requireRead();
      if (!isDeepStrictEqual(await stateOf(file), begun))
        throw new WhetstoneError('FILE_CHANGED', 'the file has changed since it was opened', {
          file,
          hint: 'Open it again: what was decided about the rows that it had is kept for those.',
        });
      const rows = entries.flatMap(outcome);
      const unread = entries.filter((entry) => outcome(entry).length === 0 && !actions(entry).has('drop'));
      await writeRows(out, rows.map(canonicalRow));
      if (unread.length > 0)
        await writeLeftOut(
          `${out}.left-out.jsonl`,
          unread.flatMap(({ findings }) => findings.map(reasonOf)),
        );
      const withErrors = entries.filter(
        (entry) => outcome(entry).length > 0 && hasError(findingsLeft(entry, actions(entry))),
      );
      return { file: out, rows: rows.length, leftOut: unread.length, withErrors: withErrors.length };
    },
    close,
  };
}

const reasonOf = ({ row, line, part, field, code, message }: Finding): LeftOut => ({
  row,
  ...(line !== undefined && { line }),
  ...(part !== undefined && { part }),
  ...{ field, code, reason: message },
});

interface FileState {
  readonly size: number;
  readonly modified: number;
}

/** Throws as `openInput` for a file that is not there. */
async function stateOf(file: string): Promise<FileState> {
  const { size, mtimeMs } = await stat(file).catch((cause: unknown) => {
    throw fileError(file, cause);
  });
  return { size, modified: mtimeMs };
}
