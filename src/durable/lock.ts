// One process at a time in a run directory. Knows process ids and start times, nothing of what a run is.
import { constants } from 'node:fs';
import { copyFile, link, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { hostname } from 'node:os';
import { WhetstoneError } from '../errors.ts';
import { hasCode } from './files.ts';

interface LockRecord {
  readonly pid: number;
  readonly host: string;
  /** The process's start time as the system counts it, so that a reused pid is recognised; null if unknown. */
  readonly started: string | null;
  /** For people. */
  readonly since: string;
}

export interface Lock {
  /** Gives the lock up. Safe to call more than once. */
  readonly release: () => Promise<void>;
}

/**
 * Takes the lock file `path`, replacing one whose process is gone. Throws WhetstoneError `RUN_LOCKED` where
 * another process holds it or cannot be checked because it runs on another host.
 */
export async function acquireLock(path: string): Promise<Lock> {
  const mine: LockRecord = {
    pid: process.pid,
    host: hostname(),
    started: await startTime(process.pid),
    since: new Date().toISOString(),
  };
  const candidate = `${path}.${process.pid}`;
  await writeFile(candidate, JSON.stringify(mine) + '\n');
  try {
    for (let attempt = 0; attempt < 5; attempt++) {
      if (await tryLink(candidate, path)) return { release: () => release(path, mine) };
      const found = await readFile(path, 'utf8').catch(() => null);
      if (found === null) continue; // released between the two calls
      await refuseLiving(path, found);
      await removeStale(path, found);
    }
    throw new WhetstoneError('RUN_LOCKED', 'several processes are taking this run at once', { file: path });
  } finally {
    await rm(candidate, { force: true });
  }
}

/** Creates `path` with the content of `candidate`, whole, unless it exists. */
async function tryLink(candidate: string, path: string): Promise<boolean> {
  try {
    await link(candidate, path);
    return true;
  } catch (error) {
    if (hasCode(error, 'EEXIST')) return false;
  }
  try {
    await copyFile(candidate, path, constants.COPYFILE_EXCL); // a file system without hard links
    return true;
  } catch (error) {
    if (hasCode(error, 'EEXIST')) return false;
    throw error;
  }
}

async function refuseLiving(path: string, found: string): Promise<void> {
  const holder = parse(found);
  if (holder === null) return;
  if (holder.host !== hostname()) {
    throw new WhetstoneError(
      'RUN_LOCKED',
      `process ${holder.pid} on ${holder.host} took this run at ${holder.since}`,
      {
        file: path,
        hint: 'If that process is gone, remove the file and try again.',
      },
    );
  }
  if (!isAlive(holder.pid)) return;
  const started = await startTime(holder.pid);
  if (started !== null && holder.started !== null && started !== holder.started) return;
  throw new WhetstoneError(
    'RUN_LOCKED',
    `process ${holder.pid} has been working in this run since ${holder.since}`,
    {
      file: path,
      hint: 'Wait for it to end, or stop it; it writes a checkpoint first.',
    },
  );
}

/** Removes the lock that held `content`; if another process replaced it meanwhile, puts theirs back. */
async function removeStale(path: string, content: string): Promise<void> {
  const aside = `${path}.stale-${process.pid}`;
  try {
    await rename(path, aside);
  } catch (error) {
    if (hasCode(error, 'ENOENT')) return;
    throw error;
  }
  if ((await readFile(aside, 'utf8')) !== content) await tryLink(aside, path);
  await rm(aside, { force: true });
}

async function release(path: string, mine: LockRecord): Promise<void> {
  const found = parse(await readFile(path, 'utf8').catch(() => ''));
  if (found?.pid === mine.pid && found.since === mine.since) await rm(path, { force: true });
}

function parse(content: string): LockRecord | null {
  try {
    const record = JSON.parse(content) as Partial<LockRecord> | null;
    return typeof record?.pid === 'number' ? (record as LockRecord) : null;
  } catch {
    return null;
  }
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return !hasCode(error, 'ESRCH');
  }
}

/** Field 22 of /proc/PID/stat with the boot it belongs to; "gone" for a zombie, null where there is no /proc. */
async function startTime(pid: number): Promise<string | null> {
  try {
    const stat = await readFile(`/proc/${pid}/stat`, 'utf8');
    const boot = (await readFile('/proc/sys/kernel/random/boot_id', 'utf8')).trim();
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' '); // from field 3, the state, on
    return fields[0] === 'Z' || fields[0] === 'X' ? 'gone' : `${boot}:${fields[19]}`;
  } catch {
    return null;
  }
}
