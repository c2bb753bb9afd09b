// One process at a time in a folder or at a file: lock files, who holds one, and when it may be taken over.
// A folder's lock is FOLDER/run.lock, a file's is FILE.lock. Knows nothing of what is locked.
import { randomInt } from 'node:crypto';
import { constants } from 'node:fs';
import { copyFile, link, open, readFile, rename, rm, stat } from 'node:fs/promises';
import { basename, dirname, join, resolve, sep } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { WhetstoneError } from '../errors.ts';
import { beatDigits, beatInterval, keepBeating } from './beat.ts';
import { explainWriting, movable } from './explain.ts';
import { hasCode, ignore } from './files.ts';
import { addHold, waysOn } from './held.ts';
import type { GoingOn } from './held.ts';
import { isRunning, thisProcess } from './holder.ts';
import type { Holder } from './holder.ts';
import { note } from '../words/note.ts';
import type { Note } from '../words/note.ts';

export interface Lock {
  /** What the user should know: that the lock was taken over from a process that gave no sign of life. */
  readonly notes: readonly Note[];
  /** Gives the lock up. Safe to call more than once. */
  readonly release: () => Promise<void>;
}

export interface LockOptions {
  /** Hears why taking the lock takes its time. */
  readonly onNote?: ((note: Note) => void) | undefined;
  readonly signal?: AbortSignal | undefined;
  /** How the work here is gone on with; by the same call, if left out. */
  readonly goesOn?: GoingOn | undefined;
  /** Milliseconds without a sign of life after which a process that cannot be checked counts as gone. */
  readonly patience?: number | undefined;
  /** In place of this process, in tests. */
  readonly self?: Holder | undefined;
}

/** Takes a folder and all that is in it. Throws as `lockFile`. */
export const lockFolder = (dir: string, options?: LockOptions): Promise<Lock> =>
  acquire(join(dir, folderLock), (path) => path.startsWith(resolve(dir) + sep), options);

/** Name of a folder's lock file. */
export const folderLock = 'run.lock';

/**
 * Takes the file `path`, which need not be there, and all whose names go on after it, such as its journal. A lock whose
 * process is gone is taken over. A process that cannot be checked, because it runs on another machine or in another
 * container, is gone when its lock file shows no sign of life for a while.
 *
 * While the lock is held, durable writes to what it covers throw WhetstoneError `LOCK_LOST` if another process has taken
 * it over, as can happen to one that was frozen.
 *
 * Throws WhetstoneError `RUN_LOCKED` where another process holds it, `DAMAGED_LOCK` for a lock file that does not say who
 * holds it, and as `explainWriting`.
 */
export const lockFile = (path: string, options?: LockOptions): Promise<Lock> =>
  acquire(`${path}.lock`, (other) => `${other}.`.startsWith(`${resolve(path)}.`), options);

async function acquire(
  path: string,
  covers: (path: string) => boolean,
  options: LockOptions = {},
): Promise<Lock> {
  const mine = await newRecord(options.self);
  const notes = await take(path, mine, { ...options, shown: path });
  const stopBeating = keepBeating(resolve(path), mine.text);
  const check = (): Promise<void> => requireMine(path, mine);
  const forget = addHold({ covers, check, goesOn: options.goesOn ?? 'again' });
  return {
    notes,
    release: async () => {
      forget();
      stopBeating();
      // Whoever cannot take the file away any more leaves a lock that the next process takes over.
      if ((await readFile(path, 'utf8').catch(() => '')).startsWith(mine.text))
        await rm(path, { force: true }).catch(() => undefined);
    },
  };
}

/**
 * Whether a process holds the folder's lock, as far as one can tell at once, without taking it: one that cannot be checked
 * holds it while its lock file shows signs of life.
 */
export async function isHeld(dir: string): Promise<boolean> {
  const path = join(dir, folderLock);
  const found = parse(await readFile(path, 'utf8').catch(() => ''));
  if (found === null) return false;
  const self = await thisProcess();
  const running = await isRunning(spaceKnown(found, self), self);
  if (running !== null) return running;
  const beaten = await stat(path).catch(() => null);
  return beaten !== null && Date.now() - beaten.mtimeMs < 10 * beatInterval;
}

interface LockRecord extends Holder {
  /** Names this taking of the lock; null in the records of older versions. */
  readonly id: number | null;
  /** For people. */
  readonly since: string;
  /** Grows while the holder lives; null in the records of older versions. */
  readonly beat: number | null;
}

interface OwnRecord extends Holder {
  readonly id: number;
  /** The file's content up to the counter. */
  readonly text: string;
}

async function newRecord(self?: Holder): Promise<OwnRecord> {
  const { pid, host, started, space } = self ?? (await thisProcess());
  const id = randomInt(2 ** 48 - 1);
  const record = { id, pid, host, started, space, since: new Date().toISOString(), beat: 0 };
  return { pid, host, started, space, id, text: JSON.stringify(record).slice(0, -'0}'.length) };
}

interface TakeOptions extends LockOptions {
  /** The lock that the user knows of. */
  readonly shown: string;
}

/** Puts the record at `path`, in place of one whose process is gone. Returns what the user should know. */
async function take(path: string, mine: OwnRecord, options: TakeOptions): Promise<Note[]> {
  // Named like what killed writers leave behind, and swept with it.
  const candidate = hiddenBeside(path, 'new', mine.id);
  try {
    for (let attempt = 0; attempt < 5; attempt++) {
      const put = async (): Promise<boolean> => {
        await writeSynced(candidate, `${mine.text}${beatDigits(0)}}\n`);
        return tryLink(candidate, path);
      };
      if (await explainWriting(options.shown, put, { until: candidate })) return [];
      const found = await readLock(path, options.shown);
      if (found === null) continue; // released between the two calls
      const notes = await requireGone(path, found, mine, options);
      if (await replace(path, found, candidate, mine, options)) return notes;
    }
    throw new WhetstoneError('RUN_LOCKED', 'several processes are taking this run at once', {
      file: options.shown,
    });
  } finally {
    await rm(candidate, { force: true }).catch(() => undefined);
  }
}

/** Puts `candidate` in the place of `found`; only one process at a time may, and not if another one has done so. */
async function replace(
  path: string,
  found: LockRecord,
  candidate: string,
  mine: OwnRecord,
  options: TakeOptions,
): Promise<boolean> {
  const guard = hiddenBeside(path, 'after', found.id ?? 0);
  await take(guard, await newRecord(mine), options);
  try {
    const now = await readLock(path, options.shown);
    if (now === null || now.id !== found.id || now.since !== found.since) return false;
    await rename(candidate, path);
    return true;
  } catch (error) {
    ignore('ENOENT')(error); // swept as a leftover by a holder that lives after all
    return false;
  } finally {
    await rm(guard, { force: true }).catch(() => undefined);
  }
}

const hiddenBeside = (path: string, what: string, id: number): string =>
  join(dirname(path), `.${basename(path)}.${what}.tmp-${id}`);

async function writeSynced(path: string, content: string): Promise<void> {
  const file = await open(path, 'w');
  try {
    await file.writeFile(content);
    await file.sync(); // a power cut must not leave an empty lock
  } finally {
    await file.close();
  }
}

/** Creates `path` with the content of `candidate`, whole, unless it exists. */
async function tryLink(candidate: string, path: string): Promise<boolean> {
  try {
    await link(candidate, path);
    return true;
  } catch (error) {
    if (hasCode(error, 'EEXIST') || hasCode(error, 'ENOENT')) return false;
  }
  try {
    await copyFile(candidate, path, constants.COPYFILE_EXCL); // a file system without hard links
    return true;
  } catch (error) {
    if (hasCode(error, 'EEXIST')) return false;
    throw error;
  }
}

/** The record at `path`; null where there is none. Throws `DAMAGED_LOCK`. */
async function readLock(path: string, shown: string): Promise<LockRecord | null> {
  for (let attempt = 0; ; attempt++) {
    const content = await readFile(path, 'utf8').catch((error: unknown) => {
      if (hasCode(error, 'ENOENT')) return null;
      throw error;
    });
    if (content === null) return null;
    const record = parse(content);
    if (record !== null) return record;
    if (attempt === 5) throw damaged(shown, content);
    await sleep(50); // without hard links the record appears a moment after the file
  }
}

function damaged(file: string, content: string): WhetstoneError {
  const start = content.trim().slice(0, 60);
  const found = start === '' ? 'an empty file' : JSON.stringify(start);
  return new WhetstoneError(
    'DAMAGED_LOCK',
    `expected the record of the process that works here, found ${found}`,
    { file, hint: 'If no process works here any more, remove the file and try again.' },
  );
}

function parse(content: string): LockRecord | null {
  let value: unknown;
  try {
    value = JSON.parse(content);
  } catch {
    return null;
  }
  const { id, pid, host, started, space, since, beat } = (value ?? {}) as Partial<Record<string, unknown>>;
  if (!Number.isSafeInteger(pid) || typeof host !== 'string' || typeof since !== 'string') return null;
  return {
    id: typeof id === 'number' ? id : null,
    pid: pid as number,
    host,
    started: typeof started === 'string' ? started : null,
    space: typeof space === 'string' ? space : null,
    since,
    beat: typeof beat === 'number' ? beat : null,
  };
}

/** Throws `RUN_LOCKED` unless the holder is gone. Returns what the user should know of how that was found. */
async function requireGone(
  path: string,
  found: LockRecord,
  self: Holder,
  { shown, onNote, signal, patience = 10_000 }: TakeOptions,
): Promise<Note[]> {
  const running = await isRunning(spaceKnown(found, self), self);
  if (running === false) return [];
  if (running === true) throw locked(shown, found);
  const who = `process ${found.pid} on ${found.host}, which took this at ${found.since},`;
  if (found.beat === null) {
    throw new WhetstoneError('RUN_LOCKED', `${who} cannot be checked from here`, {
      file: shown,
      hint: 'If that process is gone, remove the file and try again.',
    });
  }
  const seconds = Math.round(patience / 1000);
  onNote?.(note('LOCK_WATCHED', `${shown}: watching for ${seconds} seconds whether ${who} still works.`));
  if (await showsLife(path, found, shown, patience, signal)) throw locked(shown, found);
  const text = `For ${seconds} seconds ${who} gave no sign of life; this process has taken its place.`;
  return [note('LOCK_TAKEN_OVER', text)];
}

/** Older versions put down no namespace, and took processes of the same host to be of the same. */
const spaceKnown = (found: LockRecord, self: Holder): Holder =>
  found.id === null && found.host === self.host ? { ...found, space: self.space } : found;

/** Whether the lock changes within `patience` by this process's own clock; another's clock is not asked. */
async function showsLife(
  path: string,
  found: LockRecord,
  shown: string,
  patience: number,
  signal: AbortSignal | undefined,
): Promise<boolean> {
  const until = performance.now() + patience;
  while (performance.now() < until) {
    await sleep(Math.min(500, patience / 10), undefined, signal && { signal });
    const now = await readLock(path, shown);
    if (now === null || now.id !== found.id) return false; // whoever holds it now is looked at next
    if (now.beat !== found.beat) return true;
  }
  return false;
}

const locked = (file: string, { pid, host, since }: LockRecord): WhetstoneError =>
  new WhetstoneError('RUN_LOCKED', `process ${pid} on ${host} has been working here since ${since}`, {
    file,
    hint: 'Wait for it to end, or stop it; it keeps what it has done.',
  });

async function requireMine(path: string, { text }: OwnRecord): Promise<void> {
  const content = await readFile(path, 'utf8').catch((error: unknown) => {
    if (hasCode(error, 'ENOENT')) return null;
    throw error;
  });
  if (content?.startsWith(text)) return;
  // Without its folder nobody has taken it over, and what is still open would be written to no avail.
  if (content === null)
    await explainWriting(dirname(path), () => stat(dirname(path)), { ...movable, within: path });
  const record = content === null ? null : parse(content);
  const what = record
    ? `process ${record.pid} on ${record.host} has taken over at ${record.since}`
    : 'this process no longer holds the lock';
  throw new WhetstoneError('LOCK_LOST', `${what}, so nothing more is written here`, {
    file: path,
    hint: record
      ? 'This happens to a process that was frozen. Go on where the other one works.'
      : `Something has removed the lock file. See that no other process works here, then ${waysOn(path)}.`,
  });
}
