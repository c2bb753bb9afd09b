import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readFile, readdir, rm, writeFile } from 'node:fs/promises';
import { hostname, tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { acquireLock } from './lock.ts';

let dir: string;
let path: string;
beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), 'whetstone-lock-'));
  path = join(dir, 'run.lock');
});
afterEach(() => rm(dir, { recursive: true, force: true }));

it('is held by one at a time and can be taken again after its release', async () => {
  const lock = await acquireLock(path);
  await expect(acquireLock(path)).rejects.toMatchObject({ code: 'RUN_LOCKED' });
  await lock.release();
  await lock.release();
  await (await acquireLock(path)).release();
  expect(await readdir(dir)).toEqual([]);
});

it('goes to exactly one of many that ask at once', async () => {
  const results = await Promise.allSettled(Array.from({ length: 8 }, () => acquireLock(path)));
  expect(results.filter((result) => result.status === 'fulfilled')).toHaveLength(1);
});

it('names a living holder', async () => {
  const child = spawn(process.execPath, ['-e', 'setTimeout(() => {}, 60000)']);
  try {
    await writeFile(path, JSON.stringify({ pid: child.pid, host: hostname(), started: null, since: 'then' }));
    await expect(acquireLock(path)).rejects.toThrow(
      `process ${child.pid} has been working in this run since then`,
    );
  } finally {
    child.kill('SIGKILL');
    await once(child, 'exit');
  }
  await (await acquireLock(path)).release(); // dead now
});

it('takes over from a process that is gone, a reused pid and a torn file', async () => {
  const stale = [
    JSON.stringify({ pid: 2 ** 22 + 1, host: hostname(), started: 'x', since: 'then' }),
    '{"pid": 12',
    '',
    // Our own pid, started at another time: only where the system tells start times.
    ...(process.platform === 'linux'
      ? [JSON.stringify({ pid: process.pid, host: hostname(), started: 'boot:1', since: 'then' })]
      : []),
  ];
  for (const content of stale) {
    await writeFile(path, content);
    const lock = await acquireLock(path);
    expect(JSON.parse(await readFile(path, 'utf8'))).toMatchObject({ pid: process.pid });
    await lock.release();
  }
});

it('does not judge processes of another host', async () => {
  await writeFile(
    path,
    JSON.stringify({ pid: 2 ** 22 + 1, host: 'elsewhere.example', started: null, since: 'then' }),
  );
  await expect(acquireLock(path)).rejects.toThrow(/on elsewhere\.example.*\n.*remove the file/);
});
