import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readFile, readdir, rm, writeFile } from 'node:fs/promises';
import { hostname, tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { writeDirectoryDurably, writeFileDurably } from './files.ts';
import { thisProcess } from './holder.ts';
import { openJournal } from './journal.ts';
import { lockFile, lockFolder } from './lock.ts';

let dir: string;
let path: string;
beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), 'whetstone-lock-'));
  path = join(dir, 'run.lock');
});
afterEach(() => rm(dir, { recursive: true, force: true }));

const gonePid = 2 ** 22 + 1;
/** A lock as a process of another container would have left it. */
const elsewhere = { id: 7, pid: 12, host: 'elsewhere', started: 'boot:1', space: 'pid:[1]', since: 'then' };
const writeLock = (record: object): Promise<void> => writeFile(path, JSON.stringify(record));

it('is held by one at a time and can be taken again after its release', async () => {
  const lock = await lockFolder(dir);
  await expect(lockFolder(dir)).rejects.toMatchObject({ code: 'RUN_LOCKED' });
  await lock.release();
  await lock.release();
  await (await lockFolder(dir)).release();
  expect(await readdir(dir)).toEqual([]);
});

it("lies in a folder as run.lock and beside a file under the file's name", async () => {
  const locks = [await lockFolder(dir), await lockFile(join(dir, 'out.jsonl'))];
  expect((await readdir(dir)).sort()).toEqual(['out.jsonl.lock', 'run.lock']);
  for (const lock of locks) await lock.release();
});

it('goes to exactly one of many that ask at once, whether it was free or left by a dead process', async () => {
  const self = await thisProcess();
  for (const before of [null, { ...self, pid: gonePid, id: 7, since: 'then', beat: 3 }]) {
    if (before) await writeLock(before);
    const results = await Promise.allSettled(Array.from({ length: 8 }, () => lockFolder(dir)));
    const taken = results.flatMap((result) => (result.status === 'fulfilled' ? [result.value] : []));
    expect(taken).toHaveLength(1);
    for (const result of results)
      if (result.status === 'rejected') expect(result.reason).toMatchObject({ code: 'RUN_LOCKED' });
    await taken[0]!.release();
    expect(await readdir(dir)).toEqual([]);
  }
});

it.runIf(process.platform === 'linux')('names a living holder at once', async () => {
  const child = spawn(process.execPath, ['-e', 'setTimeout(() => {}, 60000)']);
  const { started, space, host } = await thisProcess();
  const stat = await readFile(`/proc/${child.pid}/stat`, 'utf8');
  const ticks = stat.slice(stat.lastIndexOf(')') + 2).split(' ')[19];
  const record = { ...elsewhere, pid: child.pid, space, started: `${started!.split(':')[0]}:${ticks}` };
  try {
    await writeLock({ ...record, beat: 0 }); // a host name that has changed does not matter
    const message = `process ${child.pid} on elsewhere has been working here since then`;
    await expect(lockFolder(dir, { patience: 1e6 })).rejects.toThrow(message);
    await writeLock({ pid: child.pid, host, started: record.started, since: 'then' }); // of an older version
    await expect(lockFolder(dir)).rejects.toMatchObject({ code: 'RUN_LOCKED' });
  } finally {
    child.kill('SIGKILL');
    await once(child, 'exit');
  }
  await (await lockFolder(dir)).release(); // dead now
});

it.runIf(process.platform === 'linux')(
  'is taken over at once from a process that is gone, and from a reused pid',
  async () => {
    const { started, space } = await thisProcess();
    const boot = started!.split(':')[0];
    for (const stale of [
      { ...elsewhere, pid: gonePid, started, space, beat: 3 },
      { ...elsewhere, pid: process.pid, started: `${boot}:1`, space, beat: 3 },
      { pid: process.pid, host: hostname(), started: `${boot}:1`, since: 'then' }, // of an older version
    ]) {
      await writeLock(stale);
      const lock = await lockFolder(dir, { patience: 1e6 });
      expect(lock.notes).toEqual([]);
      expect(JSON.parse(await readFile(path, 'utf8'))).toMatchObject({ pid: process.pid, started, space });
      await lock.release();
    }
  },
);

it('is watched where its holder cannot be checked, and taken over when it shows no sign of life', async () => {
  await writeLock({ ...elsewhere, beat: 3 });
  const heard: string[] = [];
  const lock = await lockFolder(dir, { patience: 300, onNote: ({ text }) => heard.push(text) });
  expect(heard).toEqual([expect.stringContaining('process 12 on elsewhere, which took this at then,')]);
  expect(lock.notes).toMatchObject([
    {
      code: 'LOCK_TAKEN_OVER',
      text: expect.stringMatching(/12 on elsewhere.*gave no sign of life/) as string,
    },
  ]);
  await lock.release();
  expect(await readdir(dir)).toEqual([]);
});

it('is left to a holder elsewhere whose counter grows', async () => {
  await writeLock({ ...elsewhere, beat: 3 });
  const refused = expect(lockFolder(dir, { patience: 60_000 })).rejects.toMatchObject({ code: 'RUN_LOCKED' });
  await sleep(700);
  await writeLock({ ...elsewhere, beat: 4 });
  await refused;
});

it('of an older version is not watched, since it has no counter', async () => {
  await writeLock({ pid: 12, host: 'elsewhere', started: null, since: 'then' });
  await expect(lockFolder(dir)).rejects.toThrow(/12 on elsewhere.*\n.*remove the file/);
});

it.each([
  ['', 'found an empty file'],
  ['{"pid":12', 'found "{\\"pid\\":12"'],
  ['null', 'found "null"'],
  ['{"pid": "12", "host": "h", "since": "then"}', 'expected the record of the process that works here'],
  ['12345', 'expected the record'],
])('that reads %j is named damage, and stays', async (content, message) => {
  await writeFile(path, content);
  const error: unknown = await lockFolder(dir).catch((error: unknown) => error);
  expect(error).toMatchObject({ code: 'DAMAGED_LOCK', place: { file: path } });
  expect((error as Error).message).toContain(message);
  expect(await readFile(path, 'utf8')).toBe(content);
  expect(await readdir(dir)).toEqual(['run.lock']);
});

it('gives signs of life although the event loop is busy', async () => {
  const lock = await lockFolder(dir);
  const beat = async (): Promise<number> =>
    (JSON.parse(await readFile(path, 'utf8')) as { beat: number }).beat;
  await sleep(1000); // the thread has started
  const before = await beat();
  const until = performance.now() + 2500;
  while (performance.now() < until);
  expect(await beat()).toBeGreaterThan(before);
  await lock.release();
});

it('that was lost stops durable writes to what it covers, and to nothing else', async () => {
  const lock = await lockFolder(dir);
  const journal = await openJournal(join(dir, 'events.jsonl'));
  await journal.append({ event: 1 });
  await writeLock({ ...elsewhere, beat: 3 });
  const lost = { code: 'LOCK_LOST', place: { file: path } };
  await expect(writeFileDurably(join(dir, 'a'), 'text')).rejects.toMatchObject(lost);
  await expect(writeDirectoryDurably(join(dir, 'b'), () => Promise.resolve())).rejects.toMatchObject(lost);
  await expect(journal.append({ event: 2 })).rejects.toMatchObject(lost);
  await journal.close();
  expect((await readdir(dir)).sort()).toEqual(['events.jsonl', 'run.lock']);
  expect(await readFile(join(dir, 'events.jsonl'), 'utf8')).toBe('{"event":1}\n');
  await writeFileDurably(`${dir}-beside`, 'text');
  await rm(`${dir}-beside`);
  await lock.release();
  expect(JSON.parse(await readFile(path, 'utf8'))).toMatchObject(elsewhere); // theirs stays
  await writeFileDurably(join(dir, 'a'), 'text'); // no lock is claimed any more
});
