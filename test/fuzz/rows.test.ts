// Hostile files of rows, in every text format.
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import fc from 'fast-check';
import { parquetWriteBuffer } from 'hyparquet-writer';
import { readTriplets } from '../../src/judgments/index.ts';
import { temporaryFolders } from '../../src/models/model-files.test-helper.ts';
import { fuzz } from './fuzz.ts';
import { readParquetRows } from '../../src/rows/parquet.ts';
import { damaged, strange } from './inputs.ts';

const dir = temporaryFolders()();
const names = [
  'instruction',
  'input',
  'output',
  'judgment',
  'score',
  'id',
  'judgement',
  'system',
  'messages',
  'history',
  'response',
  '__proto__',
];
const text = fc.oneof(
  fc.constantFrom(
    'a',
    'Perfect.',
    '',
    ' ',
    'null',
    'NaN',
    '\u001b[31m',
    '\ud83d',
    '"',
    ',',
    '\n',
    '\0',
    'x'.repeat(3000),
  ),
  fc.string({ unit: 'binary', maxLength: 12 }),
);
const usual = fc.record({ instruction: fc.constant('i'), output: text, judgment: fc.option(text) });
const odd = fc.dictionary(fc.constantFrom(...names), fc.oneof(text, strange), { maxKeys: 6 });
const message = fc.record(
  {
    role: fc.constantFrom('system', 'user', 'assistant', 'tool', 5),
    content: fc.oneof(text, strange),
    tool_calls: strange,
  },
  { requiredKeys: ['role', 'content'] },
);
const chat = fc.record({
  messages: fc.array(fc.oneof({ weight: 5, arbitrary: message }, strange), { maxLength: 5 }),
  judgment: fc.option(text),
});
const rows = fc.array(
  fc.oneof(
    { weight: 3, arbitrary: usual },
    { weight: 1, arbitrary: chat },
    { weight: 1, arbitrary: fc.tuple(usual, odd).map(([a, b]) => ({ ...a, ...b })) },
    { weight: 1, arbitrary: fc.oneof(odd, strange) },
  ),
  { minLength: 1, maxLength: 4 },
);
const plain = Array.from({ length: 3 }, (_, i) => ({
  instruction: `i${i}`,
  output: `o${i}`,
  judgment: i ? 'wrong' : null,
}));

const read = (
  name: string,
  content: string | Uint8Array,
  more: Uint8Array = new Uint8Array(0),
): Promise<unknown> => {
  const path = join(dir, name);
  writeFileSync(path, content);
  if (more.length > 0) writeFileSync(path, more, { flag: 'a' });
  return readTriplets(path, { onProblem: 'collect' });
};
const lines = (values: readonly unknown[], end = '\n'): string =>
  values.map((row) => JSON.stringify(row) + end).join('');
/** Well-formed JSON with hostile values, and a well-formed file with hostile bytes. */
const either = <T>(wellFormed: fc.Arbitrary<T>, whole: string | Uint8Array): fc.Arbitrary<T | Uint8Array> =>
  fc.oneof(wellFormed, damaged(whole));

fuzz('rows: JSON', {
  inputs: either(
    fc
      .oneof(
        rows,
        rows.map((data) => ({ data })),
      )
      .map((value) => JSON.stringify(value)),
    JSON.stringify(plain, null, 1),
  ),
  runs: 1000,
  readOneIn: 20,
  read: (content) => read('rows.json', content),
});

fuzz('rows: JSON lines', {
  inputs: either(
    fc.tuple(rows, fc.constantFrom('\n', '\r\n', '\n\n', ' ')).map(([values, end]) => lines(values, end)),
    lines(plain),
  ),
  runs: 1000,
  readOneIn: 20,
  read: (content) => read('rows.jsonl', content),
});

fuzz('rows: gzipped JSON lines', {
  inputs: fc.oneof(
    damaged(gzipSync(lines(plain))),
    damaged(lines(plain)).map((bytes) => gzipSync(bytes)),
  ),
  runs: 300,
  readOneIn: 40,
  read: (content) => read('rows.jsonl.gz', content),
});

const cells = fc.array(fc.array(fc.oneof(text, fc.constantFrom(...names)), { maxLength: 5 }), {
  maxLength: 5,
});
for (const [format, between] of [
  ['csv', ','],
  ['tsv', '\t'],
] as const) {
  const head = ['instruction', 'output', 'judgment'].join(between);
  fuzz(`rows: ${format.toUpperCase()}`, {
    inputs: either(
      cells.map((table) =>
        [
          head,
          ...table.map((row) =>
            row.map((cell) => (cell.length % 2 ? cell : JSON.stringify(cell))).join(between),
          ),
        ].join('\n'),
      ),
      `${head}\n${['a', '"b ""c"""', ''].join(between)}\n`,
    ),
    runs: 1000,
    readOneIn: 40,
    read: (content) => read(`rows.${format}`, content),
  });
}

const strings = Array.from({ length: 40 }, (_, i) => `t${i % 7}`);
const numbers = strings.map((_, i) => i * i);
/** Small files in the encodings that writers use, with pages of a few rows. */
const parquetFiles = (
  [
    [{ name: 'output', data: strings, type: 'STRING', encoding: 'PLAIN' }, 'UNCOMPRESSED'],
    [{ name: 'output', data: strings, type: 'STRING', encoding: 'RLE_DICTIONARY' }, 'UNCOMPRESSED'],
    [{ name: 'output', data: strings, type: 'STRING', encoding: 'DELTA_BYTE_ARRAY' }, 'UNCOMPRESSED'],
    [{ name: 'score', data: numbers, type: 'INT32', encoding: 'DELTA_BINARY_PACKED' }, 'SNAPPY'],
    [{ name: 'score', data: numbers, type: 'DOUBLE', encoding: 'BYTE_STREAM_SPLIT' }, 'UNCOMPRESSED'],
    [{ name: 'fine', data: numbers.map((n) => n % 3 === 0), type: 'BOOLEAN' }, 'SNAPPY'],
  ] as const
).map(([column, codec]) => {
  const judgment = strings.map((text, i) => (i % 3 === 0 ? null : text));
  const columns = [column, { name: 'judgment', data: judgment, type: 'STRING', nullable: true } as const];
  return new Uint8Array(parquetWriteBuffer({ columnData: columns, codec, pageSize: 64, rowGroupSize: 25 }));
});

fuzz('rows: Parquet', {
  inputs: fc.oneof(...parquetFiles.map(damaged)),
  runs: 600,
  readOneIn: 40,
  read: async (content) => {
    const path = join(dir, 'rows.parquet');
    writeFileSync(path, content);
    let rows = 0;
    // Some are read for ever: here they are given up sooner than for a user, whose disk may be slow.
    for await (const { value } of await readParquetRows(path, { patience: 200 }))
      rows += Number(value !== undefined);
    return rows;
  },
});
