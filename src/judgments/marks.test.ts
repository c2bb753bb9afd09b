import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { checkFile } from './check.ts';
import { formatReport } from './report.ts';
import { readSoundTriplets } from './sound.ts';
import type { Triplet } from './triplet.ts';
import { writeTriplets } from './write.ts';

let dir: string;
beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), 'whetstone-marks-'));
});
afterAll(() => rm(dir, { recursive: true, force: true }));

const bad = { instruction: 'Add 2 and 2.', output: 'It is 5 🙂.', judgment: 'It is 4.' };

async function read(...rows: readonly object[]): Promise<readonly Triplet[]> {
  const file = join(dir, 'rows.jsonl');
  await writeFile(file, rows.map((row) => `${JSON.stringify(row)}\n`).join(''));
  return (await readSoundTriplets(file)).triplets;
}

describe('marks', () => {
  it('reads spans in code points, and knows unmarked rows from those without errors', async () => {
    const rows = await read(
      {
        ...bad,
        errors: [
          { start: 6, end: 7 },
          { start: 10, end: 10 },
        ],
      },
      bad,
      { ...bad, judgment: null, errors: [] },
      { ...bad, errors: null },
    );
    expect(rows.map(({ errors }) => errors)).toEqual([
      [
        [6, 7],
        [10, 10],
      ],
      undefined,
      [],
      undefined,
    ]);
    expect(rows[0]!.judgment).toBe('It is 4.');
  });

  it.each([
    [{ errors: 'it' }, 'errors', /a list of .*found the string "it"/],
    [{ errors: [[1, 2]] }, 'errors[0]', /an object with "start" and "end", found an array of 2/],
    [
      {
        errors: [
          { start: 0, end: 1 },
          { start: -1, end: 2 },
        ],
      },
      'errors[1].start',
      /from 0 to 10, .*found the number -1/,
    ],
    [{ errors: [{ start: 4, end: 11 }] }, 'errors[0].end', /from 4 to 10, found the number 11/],
    [{ errors: [{ start: 4, end: 3 }] }, 'errors[0].end', /found the number 3/],
    [{ errors: [{ start: 4 }] }, 'errors[0].end', /found nothing/],
    [{ judgment: null, errors: [{ start: 0, end: 2 }] }, 'errors', /1 marked; remove the marks/],
  ])('refuses %j with file, row and field', async (row, field, message) => {
    const file = join(dir, 'rows.jsonl');
    await expect(read(bad, { ...bad, ...row })).rejects.toMatchObject({
      code: 'INVALID_ROWS',
      place: { file },
      problems: [{ row: 2, field, problem: expect.stringMatching(message) as string }],
    });
  });

  it('refuses marks where a row holds several responses', async () => {
    const completions = [1, 2].map((i) => ({ response: `answer ${i}`, critique: 'No.', overall_score: 3 }));
    const file = join(dir, 'several.jsonl');
    await writeFile(
      file,
      `${JSON.stringify({ instruction: 'Add.', completions, errors: [{ start: 0, end: 1 }] })}\n`,
    );
    await expect(readSoundTriplets(file)).rejects.toMatchObject({
      code: 'INVALID_ROWS',
      problems: [{ row: 1, field: 'errors', problem: expect.stringMatching(/found 2 responses/) as string }],
    });
  });

  it('come as JSON text in tables, and are written as they are read', async () => {
    const table = join(dir, 'rows.csv');
    await writeFile(
      table,
      'instruction,output,judgment,errors\n' +
        'Add 2 and 2.,It is 5.,It is 4.,"[{""start"":6,""end"":7}]"\nAdd 1.,It is 2.,No.,\n',
    );
    const { triplets } = await readSoundTriplets(table);
    expect(triplets.map(({ errors }) => errors)).toEqual([[[6, 7]], undefined]);
    const written = join(dir, 'written.jsonl');
    await writeTriplets(written, triplets);
    const again = await readSoundTriplets(written);
    expect(again.triplets.map(({ errors }) => errors)).toEqual([[[6, 7]], undefined]);
  });

  it('are counted by the check, and what is odd about them is told by its place', async () => {
    const file = join(dir, 'odd.jsonl');
    const errors = [
      { start: 6, end: 8 },
      { start: 3, end: 3 },
      { start: 3, end: 7 },
    ];
    const rows = [
      { ...bad, errors },
      {
        ...bad,
        output: 'It is 6.',
        errors: [
          { start: 0, end: 2 },
          { start: 2, end: 9 },
        ],
      },
      { ...bad, output: 'It is 4.', judgment: null, errors: [{ start: 6, end: 7 }] },
    ];
    await writeFile(file, rows.map((row) => `${JSON.stringify(row)}\n`).join(''));
    const report = await checkFile(file);
    expect(report).toMatchObject({ marked: 2, marks: 4 });
    expect(report.findings.map(({ row, field, code, excerpt }) => [row, field, code, excerpt])).toEqual([
      [2, 'errors[1].end', 'invalid-row', ''],
      [1, 'errors[1]', 'empty-mark', 'It is 5 🙂.'],
      [1, 'errors[0]', 'overlapping-marks', '5'],
      [3, 'errors', 'marked-satisfactory', '4'],
    ]);
    expect(formatReport(report)).toMatch(/with marked errors +2 +100\.0% +4 marks/);
  });
});
