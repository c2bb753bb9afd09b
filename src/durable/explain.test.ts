// What the system says against a write, in words: whose file, what is kept, what to do.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { failureOf } from '../models/model-files.test-helper.ts';
import { explainRemoving, explainWriting, growing } from './explain.ts';
import { lockFile, lockFolder } from './lock.ts';

const dir = mkdtempSync(join(tmpdir(), 'whetstone-explain-'));
afterAll(() => rmSync(dir, { recursive: true, force: true }));

const failed = (code: string, path?: string, dest?: string): Error =>
  Object.assign(new Error(`${code}: raw words`), {
    code,
    syscall: 'x',
    ...(path && { path }),
    ...(dest && { dest }),
  });
const refuse =
  (...error: Parameters<typeof failed>) =>
  (): Promise<never> =>
    Promise.reject(failed(...error));

describe('explainWriting', () => {
  it.each([
    ['ENOSPC', 'DISK_FULL', 'the disk is full', 'Free some space on that disk'],
    ['EDQUOT', 'DISK_FULL', 'the disk quota is used up', 'Remove files of yours from that disk'],
    [
      'EFBIG',
      'WRITE_FAILED',
      'the file would be larger than is allowed here',
      'Raise the limit of file sizes',
    ],
    ['EACCES', 'WRITE_FAILED', 'permission denied', 'Give yourself the right to write there'],
    ['EPERM', 'WRITE_FAILED', 'this is not permitted', 'Give yourself the right to write there'],
    ['EROFS', 'WRITE_FAILED', 'the file system is read-only', 'Choose a place that can be written'],
    ['ENOENT', 'WRITE_FAILED', 'no such file or folder', 'Put the folder that it belongs into back'],
    [
      'ENOTDIR',
      'WRITE_FAILED',
      'part of the path is a file',
      'Choose a path that leads through folders alone',
    ],
    ['EISDIR', 'WRITE_FAILED', 'a folder is there, not a file', 'Choose another name'],
    ['ELOOP', 'WRITE_FAILED', 'a circle of symbolic links', 'Choose a path without that circle'],
    ['EMFILE', 'WRITE_FAILED', 'too many files are open', 'Raise the limit of open files'],
    ['EIO', 'WRITE_FAILED', 'the disk or the device failed', 'Have the disk or the network drive looked at'],
    ['ENAMETOOLONG', 'WRITE_FAILED', 'the name is too long', 'Choose a shorter one'],
    ['EXDEV', 'WRITE_FAILED', 'to another disk', 'Choose a place whose folders are on one disk'],
    ['EBUSY', 'WRITE_FAILED', 'another program is using it', 'Close that program'],
    [
      'ESTALE',
      'WRITE_FAILED',
      'the network drive has lost track of it',
      'See that the network drive is connected',
    ],
  ])('%s', async (code, own, reason, remedy) => {
    const error = await failureOf(() => explainWriting('run/metrics.jsonl', refuse(code), growing));
    expect(error.code).toBe(own);
    expect(error.message).toContain(`run/metrics.jsonl: this could not be written: `);
    expect(error.message).toContain(reason);
    expect(error.hint).toMatch(/^What it held before is kept\. /);
    expect(error.hint).toContain(remedy);
    expect(error.hint).toMatch(/, then try again\.$/);
  });

  it('says what the system says where the code is none that it knows', async () => {
    const error = await failureOf(() => explainWriting('a', refuse('EWHATEVER')));
    expect(error.message).toBe(
      'a: this could not be written: EWHATEVER: raw words\n  What was there before is untouched. See what the system has against it, then try again.',
    );
  });

  it.each([
    ['run/.adapter.tmp-7/model', 'run/adapter/model', undefined],
    ['run/.adapter.tmp-7/.config.json.tmp-7', 'run/adapter/config.json', undefined],
    ['run', 'run/adapter', undefined],
    ['elsewhere/source', 'run/adapter/copy', 'run/.adapter.tmp-7/copy'],
    ['/', 'run/adapter', undefined],
  ])('an error of %s is one of %s', async (path, file, dest) => {
    const error = await failureOf(() => explainWriting('run/adapter', refuse('EIO', path, dest)));
    expect(error.place.file).toBe(file);
  });

  it('names the place where a file is to be, whoever says first that it cannot be written', async () => {
    const error = await failureOf(() =>
      explainWriting('out', () => explainWriting('out.partial/a', refuse('ENOSPC', 'out.partial/.a.tmp-1')), {
        until: 'out.partial',
      }),
    );
    expect(error).toMatchObject({ code: 'DISK_FULL', place: { file: join('out', 'a') } });
  });

  it('leaves errors of other files and of programs alone', async () => {
    const other = failed('ENOENT', 'elsewhere/source');
    await expect(explainWriting('run/adapter', () => Promise.reject(other))).rejects.toBe(other);
    const program = new TypeError('x');
    await expect(explainWriting('run/adapter', () => Promise.reject(program))).rejects.toBe(program);
  });

  it('says how the work goes on where it does', async () => {
    const hintAt = async (path: string): Promise<string> =>
      (await failureOf(() => explainWriting(path, refuse('ENOSPC')))).hint!;
    const lock = await lockFolder(dir, { goesOn: 'resume' });
    expect(await hintAt(join(dir, 'metrics.jsonl'))).toMatch(/then go on with option `resume`\.$/);
    await lock.release();
    const file = await lockFile(join(dir, 'out.jsonl'));
    expect(await hintAt(join(dir, 'out.jsonl.journal.jsonl'))).toMatch(/then give the same command again\.$/);
    await file.release();
    expect(await hintAt(join(dir, 'out.jsonl'))).toMatch(/then try again\.$/);
  });
});

it('explainRemoving says that it was to be taken away', async () => {
  const error = await failureOf(() => explainRemoving('run/checkpoints/step-1', refuse('EACCES')));
  expect(error.message).toMatch(
    /^run\/checkpoints\/step-1: this could not be removed: permission denied\n {2}All else/,
  );
});
