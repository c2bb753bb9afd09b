import { readdirSync, readFileSync, writeFileSync, mkdirSync } from 'node:fs';
import { dirname, join } from 'node:path';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { readTriplets } from './read.ts';
import { temporaryFolder } from './temporary-folder.test-helper.ts';
import type { Triplet } from './triplet.ts';
import { writeTriplets } from './write.ts';

const folder = dirname(temporaryFolder()('start', ''));
const inFolder = (name: string): string => join(folder, name);

const triplet = (row: number, rest: Partial<Triplet> = {}): Triplet => ({
  instruction: 'Name a fish.',
  output: 'Oak',
  judgment: 'No fish.',
  source: { file: 'x', row },
  ...rest,
});

// Any UTF-16, half surrogates and line separators included: JSON can hold them all.
const anyText = fc.oneof(
  fc.string({ unit: 'binary' }),
  fc.string({ unit: 'grapheme' }),
  fc
    .array(fc.constantFrom('\ud83d', '\ude00', '\u2028', '\r\n', '\n', '"', '\\', '\ufeff', '\0', ',', ' '))
    .map((parts) => parts.join('')),
);
const anyTriplet = fc.record(
  {
    instruction: anyText,
    input: anyText,
    output: anyText,
    judgment: fc.option(anyText),
    score: fc.double({ noNaN: true, noDefaultInfinity: true }).map((x) => x + 0),
    revision: anyText,
    id: fc.oneof(
      fc.integer(),
      anyText.filter((text) => text !== ''),
    ),
  },
  { requiredKeys: ['instruction', 'output', 'judgment'] },
);

describe('writeTriplets', () => {
  it.each(['jsonl', 'json'] as const)(
    'writes %s that reads back the same, whatever the text',
    async (format) => {
      const path = inFolder(`round.${format}`);
      await fc.assert(
        fc.asyncProperty(fc.array(anyTriplet, { minLength: 1, maxLength: 5 }), async (rows) => {
          const triplets = rows.map((row, i) => ({ ...row, source: { file: 'x', row: i + 1 } }));
          await writeTriplets(path, triplets, { overwrite: true });
          const data = await readTriplets(path, { layout: 'canonical' });
          expect(data.triplets.map(({ source: _, ...row }) => row)).toEqual(rows.map((row) => ({ ...row })));
          expect(data.triplets.map(({ source }) => source.row)).toEqual(rows.map((_, i) => i + 1));
        }),
        { numRuns: 60 },
      );
    },
  );

  it('writes one canonical object a line, absent fields left out', async () => {
    const path = inFolder('lines.jsonl');
    await writeTriplets(path, [
      triplet(1, { judgment: null }),
      triplet(2, { id: 7, score: 3, input: 'Now.' }),
    ]);
    expect(readFileSync(path, 'utf8')).toBe(
      '{"instruction":"Name a fish.","output":"Oak","judgment":null}\n' +
        '{"id":7,"instruction":"Name a fish.","input":"Now.","output":"Oak","judgment":"No fish.","score":3}\n',
    );
  });

  it('writes more than one piece of a large file', async () => {
    const path = inFolder('large.json');
    const rows = Array.from({ length: 3000 }, (_, i) => triplet(i + 1, { id: i, output: 'ü'.repeat(1000) }));
    await writeTriplets(path, rows);
    const data = await readTriplets(path);
    expect(data.triplets.map(({ id }) => id)).toEqual(rows.map(({ id }) => id));
  });

  it('creates the folder, and writes an empty list as valid JSON', async () => {
    const path = inFolder('new/deep/empty.json');
    await writeTriplets(path, []);
    expect(JSON.parse(readFileSync(path, 'utf8'))).toEqual([]);
  });

  it('never replaces a file unless told to', async () => {
    const path = inFolder('kept.jsonl');
    writeFileSync(path, 'precious');
    await expect(writeTriplets(path, [triplet(1)])).rejects.toMatchObject({ code: 'FILE_EXISTS' });
    expect(readFileSync(path, 'utf8')).toBe('precious');
    await writeTriplets(path, [triplet(1)], { overwrite: true });
    expect(readFileSync(path, 'utf8')).toContain('Oak');
  });

  it('does not replace a file that appears while it writes', async () => {
    const path = inFolder('late.jsonl');
    function* rows(): Generator<Triplet> {
      yield triplet(1);
      writeFileSync(path, 'somebody else');
    }
    await expect(writeTriplets(path, rows())).rejects.toMatchObject({ code: 'FILE_EXISTS' });
    expect(readFileSync(path, 'utf8')).toBe('somebody else');
  });

  it('leaves the old file and no rubbish behind if writing fails', async () => {
    const path = inFolder('half/safe.jsonl');
    mkdirSync(dirname(path));
    writeFileSync(path, 'old');
    function* rows(): Generator<Triplet> {
      yield triplet(1);
      throw new Error('the source broke');
    }
    await expect(writeTriplets(path, rows(), { overwrite: true })).rejects.toThrow('the source broke');
    expect(readdirSync(dirname(path))).toEqual(['safe.jsonl']);
    expect(readFileSync(path, 'utf8')).toBe('old');
    await expect(writeTriplets(join(path, 'below.jsonl'), [])).rejects.toMatchObject({
      code: 'WRITE_FAILED',
    });
  });

  it('refuses a name without a known extension, unless the format is given', async () => {
    await expect(writeTriplets(inFolder('x.csv'), [])).rejects.toMatchObject({ code: 'UNKNOWN_FORMAT' });
    await writeTriplets(inFolder('x.txt'), [triplet(1)], { format: 'jsonl' });
    expect(readFileSync(inFolder('x.txt'), 'utf8')).toMatch(/^\{.*\}\n$/);
  });
});

it('writes ids beyond 2^53 as they were read, in either format', async () => {
  const rows = [
    '12345678901234567890',
    '12345678901234567891',
    '-9007199254740993',
    '7',
    '"12345678901234567890"',
  ].map((id) => `{"id":${id},"instruction":"a","output":"b","judgment":null}`);
  const jsonl = `${rows.join('\n')}\n`;
  const from = join(folder, 'ids.jsonl');
  writeFileSync(from, jsonl);
  const { triplets } = await readTriplets(from);
  expect(triplets.slice(0, 2).map(({ id }) => id)).toEqual([12345678901234567890n, 12345678901234567891n]);
  await writeTriplets(join(folder, 'ids-2.jsonl'), triplets);
  expect(readFileSync(join(folder, 'ids-2.jsonl'), 'utf8')).toBe(jsonl);
  await writeTriplets(join(folder, 'ids.json'), triplets);
  expect((await readTriplets(join(folder, 'ids.json'))).triplets.map(({ id }) => id)).toEqual(
    triplets.map(({ id }) => id),
  );
});
