// A journal of work that makes one file or folder, OUT.journal.jsonl: its first line says what the work was begun with,
// so that it is gone on with by the same work alone. It goes when OUT is whole. Knows nothing of the results.
import { readlink, realpath } from 'node:fs/promises';
import { basename, dirname, join, resolve } from 'node:path';
import { isDeepStrictEqual } from 'node:util';
import { WhetstoneError } from '../errors.ts';
import { option } from '../words/option.ts';
import { exists, hasCode, makeFolder, remove, removeLeftovers } from './files.ts';
import { linesOf, openJournal } from './journal.ts';
import type { Journal } from './journal.ts';
import { lockFile } from './lock.ts';

/** Everything that the results depend on, by name: settings, and digests of what was read. */
export type Facts = Readonly<Record<string, unknown>>;

export interface BeginSettings {
  /** What is made, for messages: "responses". */
  readonly what: string;
  readonly facts: Facts;
  /** Goes on where an earlier process stopped; begins where none has. */
  readonly resume: boolean;
  /** Replaces what is at OUT, and drops what an earlier process left. */
  readonly overwrite: boolean;
}

export interface Begun<Line extends object> {
  /** OUT itself, where symbolic links lead. */
  readonly out: string;
  /** Whether OUT was there already and is to be gone on with, so that nothing is left to do. */
  readonly whole: boolean;
  readonly journal: Journal<Line>;
  /** Whether something was at OUT when the work began, which was to be replaced. */
  readonly replaces: boolean;
  /** Takes the journal away, once OUT is whole. */
  readonly finish: () => Promise<void>;
  readonly close: () => Promise<void>;
}

export const journalOf = (out: string): string => `${out}.journal.jsonl`;

/**
 * Locks OUT and opens its journal. `parse` reads the lines behind the first.
 *
 * Throws WhetstoneError `OUT_EXISTS` where OUT or an unfinished journal of it is there and neither `resume` nor
 * `overwrite` is asked for, `RESUME_MISMATCH` where the facts have changed, `RUN_LOCKED` and `DAMAGED_JOURNAL`.
 */
export async function begin<Line extends object>(
  path: string,
  parse: (value: unknown) => Line | null,
  { what, facts, resume, overwrite }: BeginSettings,
): Promise<Begun<Line>> {
  // What lies beside OUT has names of its own: a separator at its end is none of it.
  const out = await linkTarget(join(dirname(path), basename(path)));
  await makeFolder(dirname(out));
  const lock = await lockFile(out, { goesOn: 'resume' });
  try {
    const file = journalOf(out);
    const began = await exists(file);
    const there = await exists(out);
    if (began && !resume && !overwrite) throw unfinished(file, what);
    if (there && !began && !resume && !overwrite) throw outExists(path);
    if (overwrite) await remove(file);
    const head: Head = { work: what, begun: facts, replaces: there };
    if (began && !overwrite) await requireSame(file, head);
    const whole = there && !began && !overwrite;
    const journal = whole ? nothingToKeep<Line>() : await openJournal(file, headOr(parse));
    if (!whole && journal.records.length === 0) {
      await journal.append(head as object as Line).catch(async (error: unknown) => {
        await journal.close();
        throw error;
      });
    }
    return {
      out,
      whole,
      journal,
      replaces: (journal.records[0] as Partial<Head> | undefined)?.replaces ?? there,
      finish: async () => {
        await journal.close();
        await remove(file);
      },
      close: async () => {
        await journal.close();
        // Of no account beside what is thrown already, and swept by whoever comes next.
        await removeLeftovers(dirname(out), out).catch(() => undefined);
        await lock.release();
      },
    };
  } catch (error) {
    await lock.release();
    throw error;
  }
}

interface Head {
  readonly work: string;
  readonly begun: Facts;
  readonly replaces: boolean;
}

const isHead = (value: unknown): value is Head => {
  const { work, begun } = (value ?? {}) as Partial<Record<keyof Head, unknown>>;
  return typeof work === 'string' && typeof begun === 'object' && begun !== null;
};

/** The first line is none of the results, and later ones are. */
const headOr =
  <Line>(parse: (value: unknown) => Line | null) =>
  (value: unknown, line: number): Line | null =>
    line === 1 ? (isHead(value) ? (value as Line) : null) : parse(value);

const nothingToKeep = <Line extends object>(): Journal<Line> => ({
  records: [],
  repaired: false,
  append: () => Promise.reject(new Error('all is kept')),
  close: () => Promise.resolve(),
});

async function requireSame(file: string, { work, begun, replaces }: Head): Promise<void> {
  for await (const { line } of linesOf(file)) {
    if (!isHead(line)) break;
    const found = line.begun;
    const present = JSON.parse(JSON.stringify(begun)) as Facts;
    const changed = [...new Set([...Object.keys(found), ...Object.keys(present)])].filter(
      (name) => !isDeepStrictEqual(found[name], present[name]),
    );
    if (line.work !== work || changed.length > 0)
      throw new WhetstoneError(
        'RESUME_MISMATCH',
        mismatch(line, { work, begun: present, replaces }, changed),
        {
          file,
          hint: `Ask for the same as when it was begun, or start anew with ${option('overwrite')}.`,
        },
      );
    return;
  }
}

function mismatch(before: Head, now: Head, changed: readonly string[]): string {
  if (before.work !== now.work) return `this was begun to make ${before.work}, not ${now.work}`;
  const lines = changed.map((name) => {
    const [was, is] = [before.begun[name], now.begun[name]].map(shown);
    return was === null || is === null
      ? `${name} has changed`
      : `${name}: it was begun with ${was}, now ${is}`;
  });
  return `this cannot be gone on with:\n    ${lines.join('\n    ')}`;
}

/** Null for digests and other records, which tell a person nothing. */
function shown(value: unknown): string | null {
  const text = JSON.stringify(value ?? null);
  return text.length <= 60 && (typeof value !== 'object' || value === null) ? text : null;
}

const unfinished = (file: string, what: string): WhetstoneError =>
  new WhetstoneError('OUT_EXISTS', `an earlier command stopped before all ${what} were there`, {
    file,
    hint: `Go on with it with ${option('resume')}, or start anew with ${option('overwrite')}.`,
  });

const outExists = (file: string): WhetstoneError =>
  new WhetstoneError('OUT_EXISTS', 'this exists already', {
    file,
    hint: `Choose another name, replace it with ${option('overwrite')}, or go on with what was stopped with ${option('resume')}.`,
  });

/** Where `path` leads, so that a symbolic link stays one, also to a file that is not there yet. */
async function linkTarget(path: string): Promise<string> {
  try {
    return await realpath(path);
  } catch (error) {
    if (!hasCode(error, 'ENOENT')) throw error;
  }
  const next = await readlink(path).catch(() => null);
  return next === null ? path : linkTarget(resolve(dirname(path), next));
}
