import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { readLengthTable } from './length-table.ts';

let dir: string;
beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), 'whetstone-length-table-'));
});
afterAll(() => rm(dir, { recursive: true, force: true }));

async function read(text: string, count: number): Promise<Awaited<ReturnType<typeof readLengthTable>>> {
  const file = join(dir, 'table.csv');
  await writeFile(file, text);
  return readLengthTable(file, count);
}

describe('readLengthTable', () => {
  it('reads difficulties, whose index pandas leaves without a name', async () => {
    const { difficulty, gamed } = await read(',instruction_difficulty\n0,0.5\n1,-1.25\n', 2);
    expect([...difficulty]).toEqual([
      [0, 0.5],
      [1, -1.25],
    ]);
    expect(gamed).toEqual([]);
  });

  it('reads known models, without pairs that were not scored', async () => {
    const text = `model,index,preference,std_delta_len,instruction_difficulty,not_gamed_baseline
brief,0,0.25,1.5,0.5,False
brief,1,,1.5,-1.25,False
long,0,0.75,-2,0.5,False
`;
    const { difficulty, gamed } = await read(text, 2);
    expect(difficulty.size).toBe(2);
    expect(gamed).toEqual([
      { index: 0, preference: 0.25, standardisedLength: 1.5 },
      { index: 0, preference: 0.75, standardisedLength: -2 },
    ]);
  });

  it('names file, row and field of what is no number', async () => {
    await expect(read('index,instruction_difficulty\n0,0.5\n1,hard\n', 2)).rejects.toMatchObject({
      ...{
        code: 'LENGTH_TABLE',
        place: { file: join(dir, 'table.csv'), row: 2, field: 'instruction_difficulty' },
      },
    });
    await expect(read('index,difficulty\n0,0.5\n', 1)).rejects.toMatchObject({
      ...{ code: 'LENGTH_TABLE', message: expect.stringContaining('no such column') as string },
    });
  });

  it('refuses a table of other instructions', async () => {
    await expect(read('index,instruction_difficulty\n0,0.5\n2,1\n', 3)).rejects.toMatchObject({
      ...{ code: 'LENGTH_TABLE', message: expect.stringContaining('none of 1') as string },
    });
  });
});
