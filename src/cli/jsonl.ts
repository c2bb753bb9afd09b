// Where a verb's JSONL goes: a file that appears whole, a device or pipe, or the standard output. Knows no rows.
import { appendFile, mkdir, realpath, stat } from 'node:fs/promises';
import { dirname } from 'node:path';
import { replaceFile } from '../durable/files.ts';
import { WhetstoneError } from '../errors.ts';
import type { Output } from './terminal.ts';

/**
 * Writes what `fill` appends, one JSON object a line, to `out`: "-" is the standard output; a regular file is
 * replaced in one step when everything is written. Throws WhetstoneError `INVALID_OPTIONS` if `out` is `input`.
 */
export async function writeJsonl(
  out: string,
  input: string | null,
  stdout: Output,
  fill: (append: (row: object) => Promise<void>) => Promise<void>,
): Promise<void> {
  if (out === '-') {
    await fill((row) => Promise.resolve(void stdout.write(`${JSON.stringify(row)}\n`)));
    return;
  }
  const info = await stat(out).catch(() => null);
  if (info?.isDirectory()) {
    throw new WhetstoneError('INVALID_OPTIONS', 'expected a file to write, found a folder', { file: out });
  }
  if (info && input !== null && (await realpath(out)) === (await realpath(input).catch(() => ''))) {
    throw new WhetstoneError('INVALID_OPTIONS', 'this would replace the input', {
      file: out,
      hint: 'Choose another --out.',
    });
  }
  if (info && !info.isFile()) {
    await fill((row) => appendFile(out, `${JSON.stringify(row)}\n`));
    return;
  }
  await mkdir(dirname(out), { recursive: true });
  await replaceFile(out, (append) => fill((row) => append(`${JSON.stringify(row)}\n`)));
}
