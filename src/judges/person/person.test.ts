import { mkdtemp, readFile, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parse } from 'csv-parse/sync';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { WhetstoneError } from '../../errors.ts';
import type { JudgeRequest, Outcome } from '../judge.ts';
import { addRows, readFilled } from './person-file.ts';
import { openPersonJudge } from './person.ts';

let dir: string;
beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), 'whetstone-person-'));
});
afterAll(() => rm(dir, { recursive: true, force: true }));

const requests: JudgeRequest[] = [
  { id: 'a', instruction: 'Add 1 and 1, "please"', output: '=1+1' },
  { id: 'b', instruction: 'Translate;', input: 'Käse,\nBrot', output: 'cheese\nbread' },
  { id: 'c', instruction: 'Say hi.', output: 'hi' },
];

async function ask(
  file: string,
  rows = requests,
): Promise<{ outcomes: Outcome[]; error: WhetstoneError | null }> {
  const outcomes: Outcome[] = [];
  const judge = await openPersonJudge(file);
  const error = await judge
    .judge(rows, { onOutcome: (outcome) => Promise.resolve(void outcomes.push(outcome)) })
    .then(() => null)
    .catch((caught: unknown) => caught as WhetstoneError);
  return { outcomes, error };
}

type Row = Record<string, string>;
const readTable = (text: string, delimiter = ','): Row[] =>
  parse(text, { columns: true, bom: true, delimiter }) as unknown as Row[];
const cell = (text = ''): string => `"${text.replaceAll('"', '""')}"`;
const writeTable = (
  rows: readonly Row[],
  columns: readonly string[],
  delimiter: string,
  end: string,
): string =>
  [
    columns.join(delimiter),
    ...rows.map((row) => columns.map((name) => cell(row[name])).join(delimiter)),
  ].join(end);

describe.each(['csv', 'tsv', 'jsonl'])('a person with a .%s file', (extension) => {
  const delimiter = extension === 'tsv' ? '\t' : ',';
  const rowsIn = async (file: string): Promise<Row[]> => {
    const text = await readFile(file, 'utf8');
    if (extension !== 'jsonl') return readTable(text, delimiter);
    return text
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line) as Row);
  };
  const save = (file: string, rows: readonly Row[]): Promise<void> => {
    const columns = ['id', 'instruction', 'input', 'output', 'judgment'];
    const table = writeTable(rows, columns, delimiter, '\r\n');
    return writeFile(
      file,
      extension === 'jsonl' ? rows.map((row) => `${JSON.stringify(row)}\n`).join('') : table,
    );
  };

  it('is given rows, is waited for, and is heard when all are judged', async () => {
    const file = join(dir, 'deep', `all.${extension}`);
    const first = await ask(file);
    expect(first.outcomes).toEqual([]);
    expect(first.error?.code).toBe('JUDGE_WAITING');
    expect(first.error?.message).toMatch(
      /3 of 3 rows wait.*3 of them were added[^]*"perfect"[^]*run the same command again/,
    );
    expect(await readFile(`${file}.README.txt`, 'utf8')).toMatch(/perfect/);
    const rows = await rowsIn(file);
    expect(rows.map(({ output }) => output)).toEqual([
      extension === 'jsonl' ? '=1+1' : "'=1+1",
      'cheese\nbread',
      'hi',
    ]);
    expect(rows.map(({ judgment }) => judgment)).toEqual(['', '', '']);

    rows[1]!['judgment'] = 'The comma, and "Käse";\nare wrong.';
    await save(file, rows);
    const half = await readFile(file);
    const second = await ask(file);
    expect(second.outcomes).toEqual([]);
    expect(second.error?.message).toMatch(/2 of 3 rows wait for a person's judgment\n/);
    expect((await readFile(file)).equals(half), 'a half-filled file is left alone').toBe(true);

    rows[0]!['judgment'] = 'Perfect';
    rows[2]!['judgment'] = ' OK. ';
    await save(file, rows.reverse());
    expect(await ask(file)).toEqual({
      error: null,
      outcomes: [
        { id: 'a', judgment: 'Perfect' },
        { id: 'b', judgment: 'The comma, and "Käse";\nare wrong.' },
        { id: 'c', judgment: null },
      ],
    });
  });

  it('keeps what is there, adds what is new, and tells responses apart that share an id', async () => {
    const file = join(dir, `more.${extension}`);
    await ask(file, requests.slice(0, 1));
    const [row] = await rowsIn(file);
    await save(file, [{ ...row!, judgment: 'Bad.' }]);
    const before = await readFile(file);
    const other = { ...requests[0]!, output: 'another response' };
    expect((await ask(file, [requests[0]!, requests[2]!, { ...other, id: 'a2' }])).error?.message).toMatch(
      /2 of 3 .* 2 of them/,
    );
    expect((await ask(file, [other])).error?.message).toMatch(/1 of 1 .* 1 of them/);
    const after = await readFile(file);
    expect(after.subarray(0, before.length).equals(before)).toBe(true);
    expect((await rowsIn(file)).map(({ judgment }) => judgment)).toEqual(['Bad.', '', '', '']);
    expect((await ask(file, requests.slice(0, 1))).outcomes).toEqual([{ id: 'a', judgment: 'Bad.' }]);
    expect((await readdir(dir)).filter((name) => name.includes('.tmp-'))).toEqual([]);
  });

  it('may skip a row, and is not taken to have judged where it wrote "?"', async () => {
    const file = join(dir, `skip.${extension}`);
    await ask(file, requests.slice(0, 2));
    const rows = await rowsIn(file);
    await save(file, [
      { ...rows[0]!, judgment: '?' },
      { ...rows[1]!, judgment: 'skip' },
    ]);
    const { error } = await ask(file, requests.slice(0, 2));
    expect(error?.message).toMatch(/1 of 2 rows wait[^]*line [12]: "\?" is no judgment/);
    await save(file, [
      { ...rows[0]!, judgment: 'Wrong.' },
      { ...rows[1]!, judgment: 'Skip' },
    ]);
    expect((await ask(file, requests.slice(0, 2))).outcomes).toEqual([
      { id: 'a', judgment: 'Wrong.' },
      { id: 'b', unscored: 'the person skipped it' },
    ]);
  });

  it('may contradict itself, and is asked which of the two it means', async () => {
    const file = join(dir, `twice.${extension}`);
    await ask(file, requests.slice(0, 1));
    const [row] = await rowsIn(file);
    await save(file, [
      { ...row!, judgment: 'Bad.' },
      { ...row!, judgment: 'Perfect.' },
    ]);
    expect((await ask(file, requests.slice(0, 1))).error).toMatchObject({ code: 'INVALID_ROWS' });
    await save(file, [
      { ...row!, judgment: 'Bad.' },
      { ...row!, judgment: '' },
    ]);
    expect((await ask(file, requests.slice(0, 1))).outcomes).toEqual([{ id: 'a', judgment: 'Bad.' }]);
  });
});

describe('what spreadsheet programs leave behind', () => {
  it.each([
    ['semicolons and CRLF', ';', '\r\n', ''],
    ['a byte order mark', ',', '\n', '\ufeff'],
    ['tabs in a .csv', '\t', '\r\n', '\ufeff'],
  ])('is understood: %s, other columns, another order, rows gone', async (name, delimiter, end, mark) => {
    const file = join(dir, `sheet-${name.replaceAll(' ', '-')}.csv`);
    await ask(file);
    const rows = readTable(await readFile(file, 'utf8'));
    const kept: Row[] = rows
      .slice(1)
      .reverse()
      .map((row) => ({ ...row, Notes: 'mine', judgment: 'Not "good"; no' }));
    const columns = ['judgment', 'Notes', 'output', ' ID '];
    const table = writeTable(
      kept.map((row) => ({ ...row, ' ID ': row['id'] ?? '' })),
      columns,
      delimiter,
      end,
    );
    await writeFile(file, mark + table);
    expect((await ask(file, requests.slice(1))).outcomes).toEqual([
      { id: 'b', judgment: 'Not "good"; no' },
      { id: 'c', judgment: 'Not "good"; no' },
    ]);
    // The row that is gone comes back at the end, in the file's own columns.
    expect((await ask(file)).error?.message).toMatch(/1 of 3 .* 1 of them/);
    const text = await readFile(file, 'utf8');
    expect(text.startsWith(mark + table + end)).toBe(true);
    expect(readTable(text, delimiter).map((row) => [row[' ID '], row['judgment']])).toEqual([
      [rows[2]!['id'], 'Not "good"; no'],
      [rows[1]!['id'], 'Not "good"; no'],
      [rows[0]!['id'], ''],
    ]);
  });

  it.each([
    ['another table', 'x.csv', 'name,price\na,1\n', 'INVALID_ROWS'],
    ['an open quote', 'x.csv', 'id,judgment\na,"b\n', 'MALFORMED_CSV'],
    ['a line that is no JSON', 'x.jsonl', '{"id": "a"}\n{"id": "b", judgment: "x"}\n', 'MALFORMED_JSON'],
    ['a judgment that is no text', 'x.jsonl', '{"id": "a", "judgment": true}\n', 'INVALID_ROWS'],
    ['Latin-1', 'x.csv', Buffer.from('id,judgment\na,K\xe4se\n', 'latin1'), 'INVALID_UTF8'],
    // Rows in UTF-8 behind it would make it unreadable.
    ['UTF-16', 'x.csv', Buffer.from('\ufeffid,judgment\n', 'utf16le'), 'INVALID_UTF8'],
  ])('is left alone where it cannot be read: %s', async (_, name, content, code) => {
    const file = join(dir, name);
    await writeFile(file, content);
    const { error } = await ask(file);
    expect(error).toMatchObject({ code, place: { file } });
    expect((await readFile(file)).equals(Buffer.from(content))).toBe(true);
  });

  it('refuses a file of another kind', () => {
    expect(() => openPersonJudge('rows.txt')).toThrow(/\.csv, \.tsv or \.jsonl/);
  });
});

it('any text comes back as it was written, whatever surrounds it', () => {
  const text = fc.string({ unit: 'grapheme' }).map((words) => words.replaceAll('\r', ''));
  fc.assert(
    fc.property(
      fc.array(fc.record({ output: text, instruction: text }), { minLength: 1 }),
      fc.constantFrom('a.csv', 'a.tsv', 'a.jsonl'),
      (rows, file) => {
        const open = rows.map((row, i) => ({ id: `r${i}`, ...row }));
        const bytes = addRows(addRows(null, open.slice(0, 1), file), open.slice(1), file);
        expect(readFilled(bytes, file).map(({ id, judgment }) => [id, judgment])).toEqual(
          open.map(({ id }) => [id, '']),
        );
      },
    ),
    { numRuns: 200 },
  );
});
