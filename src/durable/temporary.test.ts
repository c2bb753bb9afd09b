// Temporary folders: gone afterwards, and what the system has against them in words that name what can be changed.
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it, vi } from 'vitest';
import { failureOf } from '../models/model-files.test-helper.ts';
import { temporaryFolder, withTemporaryFolder, writeTemporary } from './temporary.ts';

let place: string;
beforeAll(() => void (place = mkdtempSync(join(tmpdir(), 'whetstone-temporary-'))));
afterAll(() => {
  vi.unstubAllEnvs();
  rmSync(place, { recursive: true, force: true });
});

it('is gone afterwards, whatever happened in it', async () => {
  const seen: string[] = [];
  const use = (dir: string): Promise<void> => {
    seen.push(dir);
    return writeTemporary(join(dir, 'x'), Buffer.from('x'));
  };
  await withTemporaryFolder('test', use);
  const fails = withTemporaryFolder('test', async (dir) => {
    await use(dir);
    throw new Error('mine');
  });
  await expect(fails).rejects.toThrow('mine');
  expect(seen.map((dir) => existsSync(dir))).toEqual([false, false]);
});

it('says which variable names another place', async () => {
  const file = join(place, 'file');
  writeFileSync(file, '');
  vi.stubEnv('TMPDIR', file);
  const error = await failureOf(() => temporaryFolder('test'));
  const [problem, hint] = error.message.split('\n');
  expect(problem).toMatch(
    /whetstone-temporary-\w+\/file\/\S+: this could not be written: part of the path is a file/,
  );
  expect(hint).toBe(
    '  It is a temporary file: TMPDIR can name another place for those. Choose a path that leads through folders alone, then try again.',
  );
  vi.stubEnv('TMPDIR', place);
  const gone = await failureOf(() =>
    withTemporaryFolder('test', async (dir) => {
      rmSync(dir, { recursive: true });
      await writeFile(join(dir, 'x'), '');
    }),
  );
  expect(gone.message).toMatch(/x: this could not be written: no such file or folder\n.*TMPDIR/);
});
