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
