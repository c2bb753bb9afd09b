// How much memory this process may still use, control groups (containers) included. Knows nothing of models.
import { readFile } from 'node:fs/promises';
import { totalmem } from 'node:os';
import { dirname, join } from 'node:path';

export interface AvailableMemory {
  readonly bytes: number;
  /** What sets the limit, for messages: "this machine" or "the control group /...". */
  readonly limitedBy: string;
}

/**
 * Bytes that can be allocated without swapping: on Linux the least of MemAvailable and of what every enclosing
 * control group (v1 or v2) has left, reclaimable file cache counted as free; elsewhere the machine's memory.
 * `root` stands in for "/" in tests.
 */
export async function availableMemory(root = '/'): Promise<AvailableMemory> {
  const machine = await machineAvailable(root);
  const groups = await controlGroups(root);
  return groups.reduce((least, group) => (group.bytes < least.bytes ? group : least), machine);
}

/** Bytes of memory that this process holds and nobody else could use: anonymous pages on Linux, else all of it. */
export async function ownMemory(root = '/'): Promise<number> {
  const status = await read(join(root, 'proc/self/status'));
  const kilobytes = /^RssAnon:\s+(\d+) kB/m.exec(status ?? '')?.[1];
  return kilobytes === undefined ? process.memoryUsage.rss() : Number(kilobytes) * 1024;
}

async function machineAvailable(root: string): Promise<AvailableMemory> {
  const text = await read(join(root, 'proc/meminfo'));
  const kilobytes = /^MemAvailable:\s+(\d+) kB/m.exec(text ?? '')?.[1];
  return {
    bytes: kilobytes === undefined ? totalmem() : Number(kilobytes) * 1024,
    limitedBy: 'this machine',
  };
}

async function controlGroups(root: string): Promise<AvailableMemory[]> {
  const membership = (await read(join(root, 'proc/self/cgroup'))) ?? '';
  const found: AvailableMemory[] = [];
  for (const line of membership.split('\n')) {
    const [, controllers, path] = /^\d+:([^:]*):(.*)$/.exec(line) ?? [];
    if (path === undefined) continue;
    const v1 = controllers!.split(',').includes('memory');
    if (!v1 && controllers !== '') continue;
    const mount = join(root, 'sys/fs/cgroup', v1 ? 'memory' : '');
    // Inside a container the path may be the host's and not exist below the mount; the mount itself still counts.
    for (let at = path; ; at = dirname(at)) {
      const left = await (v1 ? leftInV1 : leftInV2)(join(mount, at));
      if (left !== null) found.push({ bytes: Math.max(0, left), limitedBy: `the control group ${at}` });
      if (at === '/' || at === '.') break;
    }
  }
  return found;
}

async function leftInV2(dir: string): Promise<number | null> {
  const limits = [await readNumber(join(dir, 'memory.max')), await readNumber(join(dir, 'memory.high'))];
  const limit = Math.min(...limits.map((bytes) => bytes ?? Infinity));
  const current = await readNumber(join(dir, 'memory.current'));
  return Number.isFinite(limit) && current !== null ? limit - current + (await fileCache(dir, '')) : null;
}

async function leftInV1(dir: string): Promise<number | null> {
  const limit = await readNumber(join(dir, 'memory.limit_in_bytes'));
  const current = await readNumber(join(dir, 'memory.usage_in_bytes'));
  if (limit === null || current === null || limit > 2 ** 60) return null; // 2^63 rounded to pages means none
  return limit - current + (await fileCache(dir, 'total_'));
}

/** File cache that the kernel gives back under pressure. */
async function fileCache(dir: string, prefix: string): Promise<number> {
  const stat = (await read(join(dir, 'memory.stat'))) ?? '';
  const of = (name: string): number =>
    Number(new RegExp(`^${prefix}${name} (\\d+)`, 'm').exec(stat)?.[1] ?? 0);
  return of('inactive_file') + of('active_file');
}

async function readNumber(path: string): Promise<number | null> {
  const text = (await read(path))?.trim();
  return text !== undefined && /^\d+$/.test(text) ? Number(text) : null;
}

const read = (path: string): Promise<string | undefined> => readFile(path, 'utf8').catch(() => undefined);
