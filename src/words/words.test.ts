import { describe, expect, it } from 'vitest';
import { bytesInWords, percent, plural, thousands } from './numbers.ts';
import { printable } from './printable.ts';
import { wordFor } from './shell.ts';
import { describeSystemError, isOutOfMemory, isSystemError, reasonOf } from './system-errors.ts';

const failed = (code: string, path?: string): NodeJS.ErrnoException =>
  Object.assign(new Error(`${code}: raw words, open '${path}'`), {
    code,
    syscall: 'open',
    ...(path !== undefined && { path }),
  });

describe('words', () => {
  it('count and measure', () => {
    expect([thousands(12345), plural(1, 'row'), plural(1200, 'row'), plural(2, 'entry', 'entries')]).toEqual([
      '12,345',
      '1 row',
      '1,200 rows',
      '2 entries',
    ]);
    expect([percent(0.1234), percent(1, 0), percent(null), percent(NaN, 1, '–')]).toEqual([
      '12.3%',
      '100%',
      '-',
      '–',
    ]);
  });

  it.each([
    [0, '0 bytes'],
    [1, '1 byte'],
    [0.3, '1 byte'],
    [999, '999 bytes'],
    [1000, '1.0 kB'],
    [4_140_000, '4.1 MB'],
    [1_500_000_000, '1.50 GB'],
    [237e9, '237.0 GB'],
    [1e15, '1000.0 TB'],
  ])('never show %s bytes as none', (bytes, words) => expect(bytesInWords(bytes)).toBe(words));

  it('know a lack of memory by what is said of it', () => {
    const says = (message: string, code?: string): boolean =>
      isOutOfMemory(Object.assign(new Error(message), { ...(code !== undefined && { code }) }));
    expect(says('Array buffer allocation failed')).toBe(true);
    expect(says('libonnxruntime.so.1: failed to map segment from shared object', 'ERR_DLOPEN_FAILED')).toBe(
      true,
    );
    expect(says('std::bad_alloc')).toBe(true);
    expect(says('Failed to allocate memory for requested buffer of size 4096')).toBe(true);
    expect(says('mmap', 'ENOMEM')).toBe(true);
    expect(says('allocation', 'ERR_MEMORY_ALLOCATION_FAILED')).toBe(true);
    expect(says('x is not a function')).toBe(false);
    expect(isOutOfMemory('out of memory')).toBe(false);
  });

  it('can be copied into a shell', () => {
    expect(['./run-1', 'my run', "it's", ''].map(wordFor('linux'))).toEqual([
      './run-1',
      "'my run'",
      "'it'\\''s'",
      "''",
    ]);
  });

  it('can be copied into a shell of Windows', () => {
    expect(['C:\\runs\\first', 'C:\\my runs', "it's", ''].map(wordFor('win32'))).toEqual([
      'C:\\runs\\first',
      '"C:\\my runs"',
      '"it\'s"',
      '""',
    ]);
  });

  it('show control characters of others instead of sending them', () => {
    expect(printable('a\x1b[2Jb\r\nc\td\x9b')).toBe('a␛[2Jb␍\nc\td�');
  });

  it('say what the operating system reports', () => {
    expect(reasonOf(failed('EACCES'))).toBe('permission denied');
    expect(reasonOf(new Error('else'))).toBe('else');
    expect([isSystemError(failed('ENOSPC')), isSystemError(new Error('x'))]).toEqual([true, false]);
  });

  it('name the file that was meant, not the one beside its place', () => {
    expect(describeSystemError(failed('ENOSPC', 'runs/.adapter.tmp-77/model.safetensors'))).toBe(
      'runs/adapter/model.safetensors: the disk is full',
    );
    expect(describeSystemError(failed('ELOOP'))).toBe('the path runs in a circle of symbolic links');
  });
});
