// Which process holds something, and whether it still runs. Knows process ids, start times, boots and PID namespaces,
// nothing of what is held.
import { readFile, readlink } from 'node:fs/promises';
import { hostname } from 'node:os';
import { hasCode } from './files.ts';

/** A process, so that no other one is taken for it; null where the system does not tell. */
export interface Holder {
  readonly pid: number;
  /** For people; a container that is started again has another one. */
  readonly host: string;
  /** "BOOT:TICKS": which run of the kernel it lives in, and when in that it began. */
  readonly started: string | null;
  /** The PID namespace in which `pid` means it, such as "pid:[4026531836]". */
  readonly space: string | null;
}

export async function thisProcess(): Promise<Holder> {
  return {
    pid: process.pid,
    host: hostname(),
    started: await startOf('self'),
    space: await readlink('/proc/self/ns/pid').catch(() => null),
  };
}

/** Whether the process still runs; null where that cannot be told from `self`. */
export async function isRunning(holder: Holder, self: Holder): Promise<boolean | null> {
  if (!sharesIds(holder, self)) return null;
  if (!hasProcess(holder.pid)) return false;
  const started = (await ownProc()) ? await startOf(holder.pid) : null;
  return started === null || holder.started === null ? null : started === holder.started;
}

/** Whether both count processes alike: one boot and one namespace or, on systems without either, one host. */
function sharesIds(a: Holder, b: Holder): boolean {
  if (a.started === null && a.space === null && b.started === null && b.space === null)
    return a.host === b.host;
  return a.space !== null && a.space === b.space && bootOf(a) !== null && bootOf(a) === bootOf(b);
}

const bootOf = ({ started }: Holder): string | null => started?.split(':')[0] ?? null;

function hasProcess(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return !hasCode(error, 'ESRCH');
  }
}

/** Whether /proc counts processes as this one does; a namespace of its own may have kept its parent's. */
const ownProc = async (): Promise<boolean> =>
  (await readlink('/proc/self').catch(() => null)) === String(process.pid);

/** Field 22 of /proc/PID/stat with the boot it belongs to; "gone" for a zombie, null where there is no /proc. */
async function startOf(pid: number | 'self'): Promise<string | null> {
  try {
    const stat = await readFile(`/proc/${pid}/stat`, 'utf8');
    const boot = (await readFile('/proc/sys/kernel/random/boot_id', 'utf8')).trim();
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' '); // from field 3, the state, on
    return fields[0] === 'Z' || fields[0] === 'X' ? 'gone' : `${boot}:${fields[19]}`;
  } catch {
    return null;
  }
}
