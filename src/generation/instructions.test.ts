import { describe, expect, it } from 'vitest';
import { readInstructions } from './instructions.ts';
import { temporaryFolder } from '../judgments/temporary-folder.test-helper.ts';

const fileWith = temporaryFolder();
const rows = [
  { instruction: 'Name a river.', row: 1 },
  { instruction: 'Sum up.', input: 'A long text', row: 2 },
];

describe('readInstructions', () => {
  it.each([
    [
      'a.jsonl',
      '{"instruction":"Name a river."}\n{"instruction":"Sum up.","input":"A long text","output":"x"}\n',
    ],
    ['a.json', '["Name a river.", {"instruction":"Sum up.","input":"A long text"}]'],
    ['a.csv', 'instruction,input\nName a river.,\nSum up.,A long text\n'],
    ['a.tsv', 'instruction\tinput\nName a river.\t\nSum up.\tA long text\n'],
  ])('reads %s', async (name, content) => {
    expect(await readInstructions(fileWith(name, content))).toEqual(rows);
  });

  it('takes the lines of a text', async () => {
    const file = fileWith('a.txt', '\uFEFFName a river.\r\n\r\nSum up.\n');
    expect(await readInstructions(file)).toEqual([
      { instruction: 'Name a river.', row: 1 },
      { instruction: 'Sum up.', row: 3 },
    ]);
  });

  it('refuses a text in another encoding with its line, and reads UTF-16 that says it is', async () => {
    const lines = 'Name a river.\nSay "Grüß Gott".\n';
    const latin = readInstructions(fileWith('l.txt', Buffer.from(lines, 'latin1')));
    await expect(latin).rejects.toMatchObject({ code: 'INVALID_UTF8', place: { line: 2 } });
    await expect(latin).rejects.toThrow(/0xfc as byte 8 of the line[^]*iconv -f latin1/);
    const bare = readInstructions(fileWith('b.txt', Buffer.from(lines, 'utf16le')));
    await expect(bare).rejects.toThrow(/UTF-16 \(little endian\) without a byte order mark/);
    const windows = readInstructions(fileWith('w.txt', Buffer.from('Name it.\nIt\x92s\n', 'latin1')));
    await expect(windows).rejects.toThrow(/iconv -f windows-1252/);
    const marked = await readInstructions(fileWith('m.txt', Buffer.from(`\ufeff${lines}`, 'utf16le')));
    expect(marked.map(({ instruction }) => instruction)).toEqual(['Name a river.', 'Say "Grüß Gott".']);
  });

  it('keeps the name of a row', async () => {
    const file = fileWith('a.jsonl', '{"instruction":"a","id":"x-1"}\n{"instruction":"b","id":7}\n');
    expect((await readInstructions(file)).map(({ id }) => id)).toEqual(['x-1', 7]);
  });

  it('names every row that cannot be used', async () => {
    const file = fileWith(
      'a.jsonl',
      '{"prompt":"a"}\n{"instruction":""}\n{"instruction":"b","input":3}\n"fine"\n',
    );
    const error: unknown = await readInstructions(file).catch((caught: unknown) => caught);
    expect(error).toMatchObject({ code: 'INVALID_ROWS' });
    expect((error as Error).message).toMatch(/3 of 4 rows/);
    expect((error as Error).message).toMatch(/row 1, field "instruction"/);
    expect((error as Error).message).toMatch(
      /row 2, field "instruction": expected a text, found an empty one/,
    );
    expect((error as Error).message).toMatch(/row 3, field "input"/);
  });

  it.each(['a.txt', 'a.jsonl'])('says that %s has none', async (name) => {
    await expect(readInstructions(fileWith(name, '\n'))).rejects.toMatchObject({ code: 'EMPTY_FILE' });
  });
});
