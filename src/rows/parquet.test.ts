// Damaged Parquet files that keep their reader at work for ever: refused after a while, in words.
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parquetWriteBuffer } from 'hyparquet-writer';
import { afterAll, beforeAll, expect, it } from 'vitest';
import type { WhetstoneError } from '../errors.ts';
import { failureOf } from '../models/model-files.test-helper.ts';
import { readParquetRows } from './parquet.ts';
import type { ParquetSettings } from './parquet.ts';

let dir: string;
beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), 'whetstone-parquet-'));
});
afterAll(() => rm(dir, { recursive: true, force: true }));

const bytes = (): Uint8Array =>
  new Uint8Array(
    parquetWriteBuffer({
      columnData: [
        { name: 'instruction', data: ['i0', 'i1', 'i2'], type: 'STRING' },
        { name: 'output', data: ['o0', 'o1', 'o1'], type: 'STRING' },
        { name: 'judgment', data: [null, 'wrong', 'wrong'], type: 'STRING', nullable: true },
      ],
    }),
  );

async function rowsOf(name: string, content: Uint8Array, settings?: ParquetSettings): Promise<unknown[]> {
  const path = join(dir, name);
  await writeFile(path, content);
  const rows = [];
  for await (const { value } of await readParquetRows(path, settings)) rows.push(value);
  return rows;
}

it('reads the file that is damaged below', async () => {
  expect(await rowsOf('whole.parquet', bytes())).toHaveLength(3);
});

it('gives up on files that would be read for ever, each by itself', async () => {
  // Bytes of page headers and of runs of repeated values, as random damage found them.
  const damages: readonly (readonly [number, number])[][] = [
    [
      [61, 226],
      [62, 128],
      [63, 168],
    ],
    [
      [63, 205],
      [64, 46],
    ],
    [
      [14, 239],
      [15, 187],
      [16, 191],
    ],
    [
      [123, 226],
      [124, 128],
      [125, 168],
    ],
  ];
  const errors = await Promise.all(
    damages.map((changes, i) => {
      const content = bytes();
      for (const [at, value] of changes) content[at] = value;
      return failureOf(() => rowsOf(`damaged-${i}.parquet`, content, { patience: 1000 }));
    }),
  );
  for (const { code, message } of errors) {
    expect(code).toBe('MALFORMED_PARQUET');
    expect(message).toMatch(/not readable as Parquet: no row was read in 1 s/);
  }
});

it('reads sound files after and beside damaged ones', async () => {
  const damaged = bytes().map((byte, i) => (i > 3 && i < 60 ? byte ^ 0x55 : byte));
  const names = Array.from({ length: 12 }, (_, i) => `${i % 3 === 0 ? 'damaged' : 'sound'}-${i}.parquet`);
  const read = (name: string): Promise<number | string> =>
    rowsOf(name, name.startsWith('damaged') ? damaged : bytes()).then(
      (rows) => rows.length,
      (error: unknown) => (error as WhetstoneError).code,
    );
  const wanted = names.map((name) => (name.startsWith('damaged') ? 'MALFORMED_PARQUET' : 3));
  expect(await Promise.all(names.map(read))).toEqual(wanted);
  const oneByOne = [];
  for (const name of names) oneByOne.push(await read(name));
  expect(oneByOne).toEqual(wanted);
});
