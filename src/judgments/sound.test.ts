// What the check calls an error is refused wherever rows are used, or left out with its reasons.
import { readFile } from 'node:fs/promises';
import { describe, expect, it } from 'vitest';
import { checkFile } from './check.ts';
import { readSoundTriplets, requireSound, rowsIn, writeLeftOut } from './sound.ts';
import { temporaryFolder } from './temporary-folder.test-helper.ts';
import { withSource } from './triplet.ts';

const write = temporaryFolder();
const good = { instruction: 'Name a river.', output: 'The Alps.', judgment: 'These are mountains.' };
const bad = [
  { ...good, judgment: '$ERROR$' },
  { ...good, judgment: 'null' },
  { ...good, judgment: 'NaN' },
  { ...good, judgment: 'The response is perfect. It names a river.' },
  { ...good, output: ' ' },
  { ...good, output: 'a \ud83d b' },
  { ...good, judgment: 5 },
  { ...good, history: [['a', 5]] },
];
const file = write(
  'mixed.jsonl',
  [good, ...bad, { ...good, output: 'The Rhine.', judgment: null }]
    .map((row) => JSON.stringify(row))
    .join('\n'),
);

describe('readSoundTriplets', () => {
  it('refuses every row that the check calls an error, with their count and the command that leaves them out', async () => {
    const { findings } = await checkFile(file);
    const errors = findings.filter(({ severity }) => severity === 'error');
    const refused: unknown = await readSoundTriplets(file).catch((error: unknown) => error);
    expect(refused).toMatchObject({ code: 'INVALID_ROWS', problem: '8 of 10 rows cannot be used' });
    const { problems, hint } = refused as { problems: { row: number; field: string }[]; hint: string };
    const places = (all: readonly { row: number; field: string }[]): string[] =>
      all.map(({ row, field }) => `${row} ${field}`).sort();
    expect(places(problems)).toEqual(places(errors.map(({ row = 0, field }) => ({ row, field }))));
    expect(hint).toContain(`whetstone data convert ${file} --out sound.jsonl --skip_invalid`);
  });

  it('leaves them out if told to, and can say why', async () => {
    const { triplets, leftOut, rows } = await readSoundTriplets(file, { skipInvalid: true });
    expect([rows, triplets.map(({ source }) => source.row)]).toEqual([10, [1, 10]]);
    expect(rowsIn(leftOut)).toBe(8);
    const beside = write('left.jsonl', '');
    await writeLeftOut(beside, leftOut);
    const lines = (await readFile(beside, 'utf8'))
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line) as object);
    expect(lines[0]).toEqual({
      row: 2,
      line: 2,
      field: 'judgment',
      code: 'placeholder-judgment',
      reason: 'judgments that are placeholders of a program: would count as criticism | $ERROR$',
    });
    expect(lines.map((line) => (line as { row: number }).row)).toEqual([2, 3, 4, 5, 6, 7, 8, 9]);
  });

  it('takes a file without errors as it is, and refuses one without anything else', async () => {
    const sound = write('sound.jsonl', JSON.stringify(good));
    expect(await readSoundTriplets(sound)).toMatchObject({ leftOut: [], triplets: [good] });
    const none = write('none.jsonl', JSON.stringify(bad[0]));
    await expect(readSoundTriplets(none, { skipInvalid: true })).rejects.toMatchObject({ code: 'NO_ROWS' });
  });
});

it('requireSound holds triplets in memory to the same', () => {
  const triplets = [good, { ...good, judgment: 'N/A' }].map(withSource);
  expect(() => requireSound(triplets)).toThrow(/1 of 2 rows cannot be used[^]*row 2, field "judgment"/);
  requireSound(triplets.slice(0, 1));
});
