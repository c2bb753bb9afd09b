import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { readMarkedTriplets } from './marked-rows.ts';

let dir: string;
beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), 'whetstone-held-out-'));
});
afterAll(() => rm(dir, { recursive: true, force: true }));

const bad = { instruction: 'Add 2 and 2.', output: 'It is 5 🙂.', judgment: 'It is 4.' };

async function read(...rows: readonly object[]): Promise<Awaited<ReturnType<typeof readMarkedTriplets>>> {
  const file = join(dir, 'rows.jsonl');
  await writeFile(file, rows.map((row) => `${JSON.stringify(row)}\n`).join(''));
  return readMarkedTriplets(file);
}

describe('readMarkedTriplets', () => {
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
      null,
      [],
      null,
    ]);
    expect(rows[0]!.triplet.judgment).toBe('It is 4.');
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
    [
      { judgment: null, errors: [{ start: 0, end: 2 }] },
      'errors',
      /no errors in a satisfactory response, found 1/,
    ],
  ])('refuses %j with file, row and field', async (row, field, message) => {
    const file = join(dir, 'rows.jsonl');
    await expect(read(bad, { ...bad, ...row })).rejects.toMatchObject({
      code: 'INVALID_ROWS',
      place: { file, row: 2, field },
      message: expect.stringMatching(message) as string,
    });
  });
});
