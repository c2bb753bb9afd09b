import { mkdir, mkdtemp, readFile, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { makeFolder, removeLeftovers, writeDirectoryDurably, writeFileDurably } from './files.ts';

let dir: string;
beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), 'whetstone-durable-'));
});
afterEach(() => rm(dir, { recursive: true, force: true }));

const full = (): Promise<never> =>
  Promise.reject(Object.assign(new Error('no space left on device'), { code: 'ENOSPC', syscall: 'write' }));

it.runIf(process.platform === 'linux')(
  'gives up on a folder whose parent is said not to be there',
  async () => {
    const error = await makeFolder('/proc/whetstone/x').catch((caught: unknown) => caught);
    expect(error).toMatchObject({ code: 'WRITE_FAILED' });
  },
);

describe('writeDirectoryDurably', () => {
  it('replaces a folder as a whole and leaves nothing beside it', async () => {
    const target = join(dir, 'adapter');
    await writeDirectoryDurably(target, (at) => writeFile(join(at, 'old'), '1'));
    await writeDirectoryDurably(target, async (at) => {
      await mkdir(join(at, 'deep'));
      await writeFile(join(at, 'deep', 'new'), '2');
    });
    expect(await readdir(target)).toEqual(['deep']);
    expect(await readdir(dir)).toEqual(['adapter']);
  });

  it('keeps what was there, cleans up and says so when the disk is full', async () => {
    const target = join(dir, 'adapter');
    await writeDirectoryDurably(target, (at) => writeFile(join(at, 'old'), '1'));
    const attempt = writeDirectoryDurably(target, async (at) => {
      await writeFile(join(at, 'half'), '2');
      await full();
    });
    await expect(attempt).rejects.toMatchObject({ code: 'DISK_FULL', place: { file: target } });
    expect(await readdir(target)).toEqual(['old']);
    expect(await readdir(dir)).toEqual(['adapter']);
  });

  it('is not visible while it is written', async () => {
    const target = join(dir, 'adapter');
    await writeDirectoryDurably(target, async (at) => {
      await writeFile(join(at, 'file'), '1');
      expect(await readdir(dir)).not.toContain('adapter');
    });
    expect(await readdir(dir)).toEqual(['adapter']);
  });
});

it('writeFileDurably replaces a file', async () => {
  const path = join(dir, 'run.yaml');
  await writeFileDurably(path, 'a');
  await writeFileDurably(path, 'b');
  expect(await readFile(path, 'utf8')).toBe('b');
  expect(await readdir(dir)).toEqual(['run.yaml']);
});

it('removeLeftovers takes only what writers leave behind', async () => {
  for (const name of ['.step-3.tmp-99', '.adapter.replaced-7', '.hidden', 'step-3'])
    await mkdir(join(dir, name));
  await removeLeftovers(dir);
  expect((await readdir(dir)).sort()).toEqual(['.hidden', 'step-3']);
});
