import { chmodSync, mkdirSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { brotliCompressSync, gzipSync } from 'node:zlib';
import type { SchemaElement } from 'hyparquet';
import { parquetWriteBuffer } from 'hyparquet-writer';
import { describe, expect, it } from 'vitest';
import { WhetstoneError } from '../errors.ts';
import { readTriplets } from './read.ts';
import type { ReadOptions } from './read.ts';
import { temporaryFolder } from './temporary-folder.test-helper.ts';

const write = temporaryFolder();

const ROWS = [
  { instruction: 'Name a river.', input: '', output: 'The Alps.', judgment: 'The Alps are mountains.' },
  { instruction: 'Add the numbers.', input: '2 and 3', output: '5', judgment: null, score: 9 },
];

async function failure(path: string, options?: ReadOptions): Promise<WhetstoneError> {
  try {
    await readTriplets(path, options);
  } catch (error) {
    if (error instanceof WhetstoneError) return error;
    throw error;
  }
  throw new Error(`expected ${path} to be refused`);
}

const texts = (data: { triplets: readonly { output: string }[] }): string[] =>
  data.triplets.map((t) => t.output);

describe('formats', () => {
  it('reads a JSON array', async () => {
    const path = write('a.json', JSON.stringify(ROWS));
    const data = await readTriplets(path);
    expect(data).toMatchObject({
      file: path,
      format: 'json',
      layout: 'canonical',
      rows: 2,
      skipped: {},
      problems: [],
    });
    expect(data.triplets).toEqual([
      { ...ROWS[0], source: { file: path, row: 1 } },
      { ...ROWS[1], source: { file: path, row: 2 } },
    ]);
  });

  it('reads an array under "data"', async () => {
    const path = write('data.json', JSON.stringify({ version: 1, data: ROWS }));
    expect(texts(await readTriplets(path))).toEqual(['The Alps.', '5']);
  });

  it('reads JSONL with a byte order mark, CRLF, and empty lines', async () => {
    const lines = ROWS.map((row) => JSON.stringify(row));
    const path = write('b.jsonl', `\ufeff${lines[0]}\r\n\r\n${lines[1]}\r\n  \r\n\n`);
    const data = await readTriplets(path);
    expect(data.triplets.map(({ source }) => [source.row, source.line])).toEqual([
      [1, 1],
      [2, 3],
    ]);
    expect(texts(data)).toEqual(['The Alps.', '5']);
  });

  it('reads JSONL whose last line has no line break, and characters across the pieces of the file', async () => {
    const long = { instruction: 'Go on.', output: 'ü😀'.repeat(400_000), judgment: 'Too long.' };
    const path = write('long.jsonl', [long, ROWS[0], long].map((row) => JSON.stringify(row)).join('\n'));
    const data = await readTriplets(path);
    expect(texts(data)).toEqual([long.output, 'The Alps.', long.output]);
  });

  it('reads UTF-16 behind its byte order mark in every text format', async () => {
    const rows = [{ ...ROWS[0], output: 'Größe 漢 😀' }, ROWS[1]];
    const csv = 'instruction,output,judgment\r\nName one.,Größe 漢 😀,\r\nAdd 2 and 2.,5,Wrong.\r\n';
    const contents = {
      'w.json': JSON.stringify(rows),
      'w.jsonl': rows.map((row) => `${JSON.stringify(row)}\r\n`).join(''),
      'w.csv': csv,
      'w.tsv': csv.replaceAll(',', '\t'),
    };
    for (const [name, content] of Object.entries(contents)) {
      const little = Buffer.from(`\ufeff${content}`, 'utf16le');
      for (const bytes of [little, Buffer.from(little).swap16()])
        expect(texts(await readTriplets(write(name, bytes)))).toEqual(['Größe 漢 😀', '5']);
      expect(texts(await readTriplets(write(`${name}.gz`, gzipSync(little))))).toEqual(['Größe 漢 😀', '5']);
    }
  });

  it('reads rows with deep values that it does not use', async () => {
    const deep = `${'['.repeat(1e5)}${'{"a":1}'}${']'.repeat(1e5)}`;
    const row = `{"instruction":"Name one.","output":"The Alps.","judgment":null,"meta":${deep}}`;
    for (const [name, content] of [
      ['deep.jsonl', `${row}\n`],
      ['deep.json', `[${row}]`],
    ] as const)
      expect(texts(await readTriplets(write(name, content)))).toEqual(['The Alps.']);
    const wrong = await failure(
      write('wrong.jsonl', `{"instruction":"a","output":"b","judgment":${deep}}\n`),
    );
    expect(wrong.message).toMatch(/field "judgment": .*found an array of 1/);
  });

  it('reads gzipped text', async () => {
    const jsonl = ROWS.map((row) => JSON.stringify(row)).join('\n');
    expect(texts(await readTriplets(write('c.jsonl.gz', gzipSync(jsonl))))).toEqual(['The Alps.', '5']);
    expect(texts(await readTriplets(write('c.json.GZ', gzipSync(JSON.stringify(ROWS)))))).toEqual([
      'The Alps.',
      '5',
    ]);
  });

  it('reads a .json file that holds one object a line, unless told that it is JSON', async () => {
    const path = write('lines.json', ROWS.map((row) => JSON.stringify(row)).join('\n'));
    expect(await readTriplets(path)).toMatchObject({ format: 'jsonl', rows: 2 });
    expect(await failure(path, { format: 'json' })).toMatchObject({
      code: 'MALFORMED_JSON',
      place: { line: 2, column: 1 },
    });
  });

  it('reads CSV: quotes, line breaks, empty cells, numbers', async () => {
    const path = write(
      'd.csv',
      '\ufeffinstruction,output,judgment,score\r\n' +
        '"Say ""hi"", twice","hi\r\nhi",Not twice.,3.5\r\n' +
        '\r\n' +
        'Name a colour,Blue,,\r\n' +
        'Name a fish,Oak,An oak is a tree.,\r\n',
    );
    const data = await readTriplets(path);
    expect(data.triplets).toEqual([
      {
        instruction: 'Say "hi", twice',
        output: 'hi\r\nhi',
        judgment: 'Not twice.',
        score: 3.5,
        source: { file: path, row: 1, line: 2 },
      },
      {
        instruction: 'Name a colour',
        output: 'Blue',
        judgment: null,
        source: { file: path, row: 2, line: 5 },
      },
      {
        instruction: 'Name a fish',
        output: 'Oak',
        judgment: 'An oak is a tree.',
        source: { file: path, row: 3, line: 6 },
      },
    ]);
  });

  it('reads TSV', async () => {
    const path = write('e.tsv', 'instruction\toutput\tjudgment\nName a fish, please\tOak\tNo fish.\n');
    expect((await readTriplets(path)).triplets[0]).toMatchObject({ instruction: 'Name a fish, please' });
  });

  it('reads Parquet in several row groups, compressed or not, integers of 64 bits included', async () => {
    const count = 25;
    const column = (make: (i: number) => unknown): unknown[] =>
      Array.from({ length: count }, (_, i) => make(i));
    for (const codec of ['UNCOMPRESSED', 'SNAPPY'] as const) {
      const buffer = parquetWriteBuffer({
        columnData: [
          { name: 'id', data: column((i) => BigInt(i)), type: 'INT64' },
          { name: 'instruction', data: column((i) => `Ask ${i} ☃`), type: 'STRING' },
          { name: 'output', data: column((i) => `Say ${i}`), type: 'STRING' },
          { name: 'judgment', data: column((i) => (i % 2 ? 'Wrong.' : null)), type: 'STRING' },
          { name: 'score', data: column((i) => (i % 3 ? i : null)), type: 'DOUBLE' },
        ],
        rowGroupSize: 10,
        codec,
      });
      const path = write(`${codec}.parquet`, new Uint8Array(buffer));
      const data = await readTriplets(path);
      expect(data).toMatchObject({ format: 'parquet', rows: count });
      expect(data.triplets[12]).toEqual({
        id: 12,
        instruction: 'Ask 12 ☃',
        output: 'Say 12',
        judgment: null,
        source: { file: path, row: 13 },
      });
      expect(data.triplets[23]).toMatchObject({ id: 23, judgment: 'Wrong.', score: 23 });
    }
  });

  it('reads lists of structures in Parquet, as the datasets library writes them', async () => {
    const text = { type: 'BYTE_ARRAY', converted_type: 'UTF8' } as const;
    const optional = { repetition_type: 'OPTIONAL' } as const;
    const schema: SchemaElement[] = [
      { name: 'root', num_children: 2 },
      { name: 'instruction', ...optional, ...text },
      { name: 'completions', ...optional, converted_type: 'LIST', num_children: 1 },
      { name: 'list', repetition_type: 'REPEATED', num_children: 1 },
      { name: 'element', ...optional, num_children: 4 },
      { name: 'response', ...optional, ...text },
      { name: 'critique', ...optional, ...text },
      { name: 'overall_score', ...optional, type: 'DOUBLE' },
      { name: 'annotations', ...optional, num_children: 1 },
      { name: 'helpfulness', ...optional, num_children: 2 },
      { name: 'Rating', ...optional, ...text },
      { name: 'Rationale', ...optional, ...text },
    ];
    const completions = [
      { response: 'One', critique: 'Too short.', overall_score: 3, annotations: null },
      { response: 'Two', critique: null, annotations: { helpfulness: { Rating: '2', Rationale: 'Terse.' } } },
    ];
    const columnData = [
      { name: 'instruction', data: ['Count.'] },
      { name: 'completions', data: [completions] },
    ];
    const path = write('nested.parquet', new Uint8Array(parquetWriteBuffer({ schema, columnData })));
    const { layout, triplets } = await readTriplets(path);
    expect(layout).toBe('ultrafeedback');
    expect(triplets).toEqual([
      {
        instruction: 'Count.',
        output: 'One',
        judgment: 'Too short.',
        score: 3,
        source: { file: path, row: 1, part: 'completions[0]' },
      },
      {
        instruction: 'Count.',
        output: 'Two',
        judgment: 'Terse.',
        source: { file: path, row: 1, part: 'completions[1]' },
      },
    ]);
  });

  it.each(['GZIP', 'BROTLI'] as const)('reads Parquet compressed with %s', async (codec) => {
    const pack = codec === 'GZIP' ? gzipSync : brotliCompressSync;
    const column = (name: string): { name: string; data: string[]; type: 'STRING' } => ({
      name,
      data: Array.from({ length: 100 }, () => `${name} ${'again '.repeat(20)}`),
      type: 'STRING',
    });
    const buffer = parquetWriteBuffer({
      columnData: ['instruction', 'output', 'judgment'].map(column),
      codec,
      compressors: { [codec]: (bytes: Uint8Array) => pack(bytes) },
    });
    const data = await readTriplets(write(`${codec}.parquet`, new Uint8Array(buffer)));
    expect(data.triplets[99]?.judgment).toBe(`judgment ${'again '.repeat(20)}`);
  });

  it('names a compression of Parquet that it cannot unpack', async () => {
    const buffer = parquetWriteBuffer({
      columnData: [{ name: 'output', data: ['x'.repeat(500)], type: 'STRING' }],
      codec: 'LZO',
      compressors: { LZO: (bytes: Uint8Array) => bytes.subarray(1) },
    });
    const error = await failure(write('lzo.parquet', new Uint8Array(buffer)));
    expect(error.code).toBe('MALFORMED_PARQUET');
    expect(error.message).toContain('compressed with LZO');
  });

  it('takes the format that is given over the extension', async () => {
    const path = write('odd.txt', ROWS.map((row) => JSON.stringify(row)).join('\n'));
    expect(await readTriplets(path, { format: 'jsonl' })).toMatchObject({ rows: 2 });
  });

  it('reads a hundred thousand rows', async () => {
    const lines = Array.from({ length: 100_000 }, (_, i) =>
      JSON.stringify({
        instruction: `Ask ${i}`,
        output: `Say ${i}`,
        judgment: i % 3 ? 'Wrong number.' : null,
      }),
    );
    const data = await readTriplets(write('many.jsonl', lines.join('\n')));
    expect(data.rows).toBe(100_000);
    expect(data.triplets.at(-1)).toMatchObject({
      output: 'Say 99999',
      source: { row: 100_000, line: 100_000 },
    });
  });
});

describe('files that cannot be read', () => {
  it('names a missing file, a directory, an unknown extension and format', async () => {
    const path = write('x.md', 'text');
    const folder = join(dirname(path), 'folder.json');
    mkdirSync(folder);
    expect((await failure(join(dirname(path), 'none.json'))).code).toBe('FILE_NOT_FOUND');
    expect((await failure(join(path, 'below-a-file.json'))).code).toBe('FILE_NOT_FOUND');
    expect((await failure(folder)).message).toContain('found a directory');
    const wrong = await failure(path);
    expect(wrong.code).toBe('UNKNOWN_FORMAT');
    expect(wrong.message).toContain('found .md');
    expect(wrong.message).toContain('.parquet');
    expect((await failure(path, { format: 'xml' as never })).message).toContain(
      'parquet, or none, found "xml"',
    );
    expect((await failure(write('y.parquet.gz', 'x'))).code).toBe('UNKNOWN_FORMAT');
  });

  it.skipIf(process.getuid?.() === 0)('names a file without permission', async () => {
    const path = write('secret.json', '[]');
    chmodSync(path, 0);
    expect((await failure(path)).code).toBe('FILE_NOT_READABLE');
  });

  it.each(['.json', '.jsonl', '.csv', '.tsv', '.parquet'])('names an empty %s file', async (extension) => {
    expect((await failure(write(`empty${extension}`, ''))).code).toBe('EMPTY_FILE');
  });

  it.each([
    ['blank.json', ' \n', 'EMPTY_FILE'],
    ['blank.jsonl', '\n \r\n', 'EMPTY_FILE'],
    ['mark.jsonl', '\ufeff', 'EMPTY_FILE'],
    ['array.json', '[]', 'NO_ROWS'],
    ['header.csv', 'instruction,output,judgment\n', 'NO_ROWS'],
    ['object.json', '{"rows": 3}', 'NO_ROWS'],
    ['string.json', '"text"', 'NO_ROWS'],
  ])('%s: %s', async (name, content, code) => {
    expect((await failure(write(name, content))).code).toBe(code);
  });

  it('explains columns stored as arrays', async () => {
    const error = await failure(
      write('columns.json', '{"instruction": {"0": "Ask"}, "output": {"0": "Say"}}'),
    );
    expect(error.message).toContain('"instruction", "output"');
    expect(error.message).toContain('one array a column?');
  });

  it('gives line and column of malformed JSON', async () => {
    const error = await failure(
      write('bad.json', '[\n  {"instruction": "Ask",\n   "output": "ä😀" "judgment": null}\n]'),
    );
    expect(error.code).toBe('MALFORMED_JSON');
    expect(error.place).toMatchObject({ line: 3, column: 19 });
    expect(error.message).toContain('bad.json:3:19: expected a comma or "}"');
  });

  it('gives the line, the column and the row of malformed JSONL', async () => {
    const good = JSON.stringify(ROWS[0]);
    const error = await failure(
      write('bad.jsonl', `${good}\n\n${good}\n{"instruction": "Ask", "output": }\n`),
    );
    expect(error).toMatchObject({ code: 'MALFORMED_JSON', place: { line: 4, column: 34, row: 3 } });
    const cut = await failure(write('cut.jsonl', `${good}\n{"instruction": "As`));
    expect(cut).toMatchObject({ code: 'MALFORMED_JSON', place: { line: 2, column: 17 } });
    expect(cut.message).toContain('not closed');
  });

  it('gives the line of malformed CSV, CRLF inside quotes counted once', async () => {
    const error = await failure(
      write('bad.csv', 'instruction,output,judgment\r\nA,"b\r\nb",c\r\n\r\nD,e,f,g\r\n'),
    );
    expect(error).toMatchObject({ code: 'MALFORMED_CSV', place: { line: 5, row: 2 } });
    expect(error.message).toContain('expected 3 fields as in the header, found 4');
    const open = await failure(write('open.csv', 'instruction,output,judgment\nA,"b,c\n'));
    expect(open.message).toContain('not closed');
    const quote = await failure(write('quote.csv', 'instruction,output,judgment\nA,say "b" now,c\n'));
    expect(quote.message).toContain('in the middle of a field');
    const names = Array.from({ length: 2e5 }, (_, i) => `c${i}`).join();
    const wide = await failure(write('wide.csv', `${names}\n${names}\n`));
    expect(wide.message).toMatch(/wide\.csv:1: expected at most 10,000 columns, found 200,000/);
    const began = process.cpuUsage();
    const row = await failure(write('row.csv', `instruction,output\r\n"a\r\n",b\r\n${','.repeat(1e6)}\n`));
    expect(row.message).toMatch(/row\.csv:4: expected at most 10,000 columns, found 1,000,001/);
    expect(process.cpuUsage(began).user / 1e6).toBeLessThan(1);
    const many = Array.from({ length: 12_000 }, () => 'A,"b,c",d').join('\r');
    expect(
      await readTriplets(write('macintosh.csv', `instruction,output,judgment\r${many}\r`)),
    ).toMatchObject({
      triplets: { length: 12_000 },
    });
    const twice = await failure(write('twice.csv', 'output,output,judgment\nA,b,c\n'));
    expect(twice.message).toContain('the column "output" appears twice');
  });

  it('reports bytes that are not UTF-8, with the line', async () => {
    const bytes = Buffer.concat([
      Buffer.from(`${JSON.stringify(ROWS[0])}\n{"instruction": "caf`),
      Buffer.from([0xe9]),
      Buffer.from('", "output": "x", "judgment": null}\n'),
    ]);
    for (const name of ['latin.jsonl', 'latin.csv']) {
      const error = await failure(write(name, bytes));
      expect(error).toMatchObject({ code: 'INVALID_UTF8', place: { line: 2 } });
      expect(error.message).toContain('0xe9');
    }
    for (const name of ['wide.json', 'wide.jsonl', 'wide.csv']) {
      const wide = await failure(write(name, Buffer.from('instruction,output\n[]\n', 'utf16le')));
      expect(wide.message).toMatch(/UTF-16 \(little endian\) without a byte order mark/);
    }
    const unfinished = await failure(write('unfinished.json', Buffer.from([0x5b, 0xf0, 0x9f])));
    expect(unfinished).toMatchObject({ code: 'INVALID_UTF8', place: { line: 1 } });
  });

  it('reports damaged gzip and Parquet files', async () => {
    const zipped = gzipSync(JSON.stringify(ROWS));
    expect((await failure(write('cut.json.gz', zipped.subarray(0, 30)))).message).toContain(
      'damaged or cut off',
    );
    expect((await failure(write('not.json.gz', 'plain'))).code).toBe('FILE_NOT_READABLE');
    expect((await failure(write('not.parquet', 'instruction,output\n1,2\n'))).code).toBe('MALFORMED_PARQUET');
    const buffer = parquetWriteBuffer({
      columnData: [{ name: 'output', data: ['x'.repeat(5000)], type: 'STRING' }],
    });
    const half = new Uint8Array(buffer).subarray(0, 200);
    expect((await failure(write('half.parquet', half))).code).toBe('MALFORMED_PARQUET');
  });
});

describe('rows that cannot be used', () => {
  const rows = [
    ROWS[0],
    { instruction: 'Ask', output: 7, judgment: null },
    { instruction: null, output: 'x', judgment: 'y' },
    'not an object',
    { instruction: 'Ask', output: 'x', jugdment: 'y' },
    { instruction: 'Ask', output: 'x', judgment: ['y'], score: 'high' },
  ];

  it('are reported together, with row, field, expected and found', async () => {
    const error = await failure(write('rows.jsonl', rows.map((row) => JSON.stringify(row)).join('\n')));
    expect(error.code).toBe('INVALID_ROWS');
    expect(error.message).toContain('5 of 6 rows cannot be used');
    expect(error.message).toContain('row 2, field "output": expected a string, found the number 7');
    expect(error.message).toContain('row 3, field "instruction": expected a string, found null');
    expect(error.message).toContain('row 4: expected an object, found the string "not an object"');
    expect(error.message).toContain('row 5, field "judgment"');
    expect(error.message).toContain('found no such field, but "jugdment"');
    expect(error.message).toContain('row 6, field "judgment"');
    expect(error.message).toContain('field "score": expected a number or null, found the string "high"');
  });

  it('give row, field and line in the location if there is one problem', async () => {
    const path = write(
      'one.jsonl',
      `${JSON.stringify(ROWS[0])}\n\n{"instruction": "a", "output": null, "judgment": ""}`,
    );
    expect((await failure(path)).place).toEqual({ file: path, row: 2, field: 'output', line: 3 });
  });

  it('are shown up to ten, with the number of the others', async () => {
    const many = [
      ROWS[0],
      ...Array.from({ length: 25 }, () => ({ instruction: 'Ask', output: 1, judgment: null })),
    ];
    const { message } = await failure(write('many-bad.json', JSON.stringify(many)));
    expect(message.match(/field "output"/g)).toHaveLength(10);
    expect(message).toContain('25 of 26 rows');
    expect(message).toContain('and 15 more');
  });

  it('are left out and listed when problems are collected', async () => {
    const path = write('collect.json', JSON.stringify(rows));
    const data = await readTriplets(path, { onProblem: 'collect' });
    expect(texts(data)).toEqual(['The Alps.']);
    expect(data.problems.map(({ source, field }) => [source.row, field])).toEqual([
      [2, 'output'],
      [3, 'instruction'],
      [4, ''],
      [5, 'judgment'],
      [6, 'judgment'],
      [6, 'score'],
    ]);
  });

  it('name what is there if no row is an object', async () => {
    expect((await failure(write('numbers.json', '[1, 2]'))).message).toContain(
      'expected an object, found the number 1',
    );
  });

  it('do not let numbers pass as text in JSON, nor words as numbers in CSV', async () => {
    const csv = await failure(write('score.csv', 'instruction,output,judgment,score\na,b,c,seven\n'));
    expect(csv.message).toContain('field "score": expected a number or null, found the string "seven"');
    const json = await failure(
      write('score.json', '[{"instruction":"a","output":"b","judgment":"c","score":"7"}]'),
    );
    expect(json.message).toContain('found the string "7"');
  });
});
