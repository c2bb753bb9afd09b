// Locks between real processes: kills, containers (PID namespaces, host names), a holder that was frozen.
import { spawn, spawnSync } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, mkdtemp, readFile, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { setTimeout as sleep } from 'node:timers/promises';
import { rolldown } from 'rolldown';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';

let built: string;
let dir: string;
const children: ChildProcess[] = [];
beforeAll(async () => {
  built = await mkdtemp(join(tmpdir(), 'whetstone-holder-'));
  const bundle = await rolldown({
    input: join(import.meta.dirname, 'holder.ts'),
    platform: 'node',
    external: (id) => !id.startsWith('.') && !id.startsWith('/'),
  });
  await bundle.write({ file: join(built, 'holder.mjs'), format: 'esm', codeSplitting: false });
  await bundle.close();
});
afterAll(() => rm(built, { recursive: true, force: true }));
beforeEach(async () => {
  dir = join(await mkdtemp(join(tmpdir(), 'whetstone-locks-')), 'run');
  await mkdir(dir);
});
afterEach(async () => {
  for (const child of children.splice(0)) child.kill('SIGKILL');
  await rm(dir, { recursive: true, force: true });
});

interface Said {
  readonly taken?: boolean;
  readonly notes?: readonly string[];
  readonly wrote?: string;
  readonly refused?: string;
}
interface Started {
  readonly child: ChildProcess;
  /** What it says next. */
  next(): Promise<Said>;
  /** Has it write a file of that name. */
  write(name: string): Promise<Said>;
}

/** `inside` are words of a command that runs the process elsewhere. */
function start(patience: number, inside: readonly string[] = []): Started {
  const [command, ...args] = [...inside, process.execPath, join(built, 'holder.mjs'), dir, String(patience)];
  const child = spawn(command, args, { stdio: ['pipe', 'pipe', 'inherit'] });
  children.push(child);
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  const next = async (): Promise<Said> => JSON.parse((await lines.next()).value as string) as Said;
  return {
    child,
    next,
    write: (name) => {
      child.stdin.write(`${name}\n`);
      return next();
    },
  };
}

const kill = async ({ child }: Started): Promise<void> => {
  child.kill('SIGKILL');
  await once(child, 'exit');
};

/** Never waited for: the holder can be checked. */
const forever = 1e6;

it('is refused at once beside a living process, and taken over at once from a killed one', async () => {
  const first = start(forever);
  expect(await first.next()).toEqual({ taken: true, notes: [] });
  expect(await start(forever).next()).toEqual({ refused: 'RUN_LOCKED' });
  await kill(first);
  expect(await start(forever).next()).toEqual({ taken: true, notes: [] });
});

it('goes to exactly one of eight that find the lock of a killed process', async () => {
  const first = start(forever);
  await first.next();
  await kill(first);
  const said = await Promise.all(Array.from({ length: 8 }, () => start(forever).next()));
  expect(said.filter(({ taken }) => taken)).toHaveLength(1);
  expect(said.filter(({ refused }) => refused === 'RUN_LOCKED')).toHaveLength(7);
  expect(await readdir(dir)).toEqual(['run.lock']);
});

const runsIn = (words: readonly string[]): boolean => {
  const [command, ...args] = words;
  return spawnSync(command!, [...args, 'true']).status === 0;
};
const unshare = ['unshare', '--map-root-user', '--user'];
/** PID 1 of a namespace of its own is killed with whatever started it. */
const container = [...unshare, '--pid', '--fork', '--kill-child', '--mount-proc', '--uts'];
/** With /proc still that of the parent. */
const withoutProc = [...unshare, '--pid', '--fork', '--kill-child'];
const renamed = (words: readonly string[], name: string): string[] => [
  ...words,
  ...['sh', '-c', `hostname ${name} && exec "$@"`, 'sh'],
];

describe.runIf(runsIn(container))('between containers (skipped where unshare cannot make them)', () => {
  it.each([
    ['another PID namespace', container],
    ['another PID namespace that sees the /proc of its parent', withoutProc],
  ])('a living process in %s is respected', async (_, inside) => {
    const first = start(forever, inside);
    expect(await first.next()).toEqual({ taken: true, notes: [] });
    await sleep(500);
    expect(await start(20_000).next()).toEqual({ refused: 'RUN_LOCKED' });
    expect(await start(20_000, container).next()).toEqual({ refused: 'RUN_LOCKED' });
    expect(await first.write('still-here')).toEqual({ wrote: 'still-here' });
  });

  it('a process killed in one is followed by one in another, under another host name', async () => {
    const first = start(forever, renamed(container, 'first'));
    await first.next();
    await kill(first);
    const said = await start(1500, renamed(container, 'second')).next();
    expect(said).toEqual({ taken: true, notes: [expect.stringMatching(/ on first, .*no sign of life/)] });
  });

  it('under another host name in the same namespace a living process is respected, a killed one followed', async () => {
    const uts = [...unshare, '--uts'];
    const first = start(forever, renamed(uts, 'first'));
    await first.next();
    expect(await start(forever, renamed(uts, 'second')).next()).toEqual({ refused: 'RUN_LOCKED' });
    await kill(first);
    expect(await start(forever, renamed(uts, 'second')).next()).toEqual({ taken: true, notes: [] });
  });

  it('a frozen process whose lock was taken over writes nothing more', async () => {
    const first = start(forever);
    await first.next();
    expect(await first.write('before')).toEqual({ wrote: 'before' });
    first.child.kill('SIGSTOP');
    const second = start(1500, container);
    expect((await second.next()).taken).toBe(true);
    first.child.kill('SIGCONT');
    expect(await first.write('after')).toEqual({ refused: 'LOCK_LOST' });
    expect(await second.write('second')).toEqual({ wrote: 'second' });
    first.child.stdin!.end(); // it releases what it no longer holds
    await once(first.child, 'exit');
    expect((await readdir(dir)).sort()).toEqual(['before', 'run.lock', 'second']);
    expect(await readFile(join(dir, 'run.lock'), 'utf8')).toContain('"pid":1,');
    expect(await second.write('third')).toEqual({ wrote: 'third' });
  });
});
