// What is put right without guessing, and what is left to a person.
import { expect, it } from 'vitest';
import fc from 'fast-check';
import { suspicionsOf } from './findings.ts';
import { misreadText } from './misread.ts';
import { openTriplets } from './read.ts';
import type { ReadRow } from './read.ts';
import { repairRow, repairTriplet } from './repairs.ts';
import { temporaryFolder } from './temporary-folder.test-helper.ts';
import type { Triplet } from './triplet.ts';

const write = temporaryFolder();

const triplet = (given: Partial<Triplet>): Triplet => ({
  instruction: 'Name the capital of Poland.',
  output: 'It is Krakow.',
  judgment: 'Poland has another capital.',
  source: { file: 'rows.jsonl', row: 1 },
  ...given,
});
const repair = (given: Partial<Triplet>) => {
  const row = triplet(given);
  return repairTriplet(row, suspicionsOf(row));
};
const codes = (given: Partial<Triplet>) => repair(given)?.mended.map(({ code }) => code);

it('reads misread UTF-8 as it was meant, in every field', () => {
  const repaired = repair({ output: 'It is KrakÃ³w, â€œthe cityâ€\u009d.', judgment: 'Itâ€™s Warsaw.' });
  expect(repaired?.triplet).toMatchObject({ output: 'It is Kraków, “the city”.', judgment: 'It’s Warsaw.' });
  expect(repaired?.mended.map(({ code, field }) => `${code} ${field}`)).toEqual([
    'misread-text output',
    'misread-text judgment',
  ]);
});

it('takes a text with an accent or a quotation mark of its own as it is', () => {
  for (const text of ['Kraków', '„ÄÖÜ“', '“A IRMÔ', '“A IRMÃ”', 'Ã', 'é Ã©', '日本 Ã©', 'plain', ''])
    expect(misreadText(text)).toBeNull();
});

it('undoes the misreading of any text, and of that alone', () => {
  const misread = (text: string): string => Buffer.from(text, 'utf8').toString('latin1');
  fc.assert(
    fc.property(fc.string({ unit: 'grapheme', minLength: 1 }), (text) => {
      const isAscii = /^[\0-\x7f]*$/.test(text);
      expect(misreadText(misread(text))?.text ?? null).toBe(isAscii ? null : text);
    }),
  );
});

it('takes away halves of characters, end tokens and white space for a judgment', () => {
  expect(repair({ output: 'Warsaw \ud83d' })?.triplet.output).toBe('Warsaw ');
  expect(repair({ output: 'Warsaw.<|im_end|></s>\n' })?.triplet.output).toBe('Warsaw.');
  expect(repair({ judgment: ' \n' })?.triplet.judgment).toBeNull();
  expect(codes({ judgment: ' ', output: 'x </s>' })).toEqual(['template-leftover', 'blank-judgment']);
});

it('makes one mark of those that overlap, and moves none', () => {
  expect(repair({ errors: [[3, 8], [0, 5], [9, 10]] })?.triplet.errors).toEqual([[0, 8], [9, 10]]); // prettier-ignore
  const marked = repair({ output: 'Ã³ is Krakow.</s>', errors: [[6, 12]] });
  expect(marked).toBeNull();
  expect(repair({ output: 'Krakow.</s>', errors: [[0, 11]] })?.triplet).toMatchObject({
    output: 'Krakow.',
    errors: [[0, 7]],
  });
});

it('leaves to a person what only a person knows', () => {
  for (const given of [
    { output: '' },
    { judgment: 'N/A' },
    { judgment: 'The response is perfect.' },
    { output: 'lost \ufffd' },
    { output: '### Response:\nWarsaw' },
    { judgment: null, errors: [[0, 1]] as const },
  ])
    expect(repair(given)).toBeNull();
});

const rowsOf = async (lines: readonly object[]): Promise<ReadRow[]> => {
  const file = write('rows.jsonl', lines.map((line) => `${JSON.stringify(line)}\n`).join(''));
  const rows: ReadRow[] = [];
  for await (const row of (await openTriplets(file, { layout: 'canonical' })).rows) rows.push(row);
  return rows;
};

it('puts fields right where it is certain what was meant', async () => {
  const sound = { instruction: 'Add 1 and 2.', output: '4', judgment: 'It is 3.' };
  const rows = await rowsOf([
    { ...sound, output: 4 },
    { instruction: sound.instruction, output: '4', judgement: 'It is 3.' },
    { instruction: sound.instruction, Output: '4', judgment: 'It is 3.' },
    { ...sound, score: '2' },
    { ...sound, output: 12345678901234 },
  ]);
  const repaired = rows.map((row) => repairRow(row)?.triplets[0]);
  expect(repaired[0]).toMatchObject(sound);
  expect(repaired[1]).toMatchObject(sound);
  expect(repaired[2]).toMatchObject(sound);
  expect(repaired[3]).toMatchObject({ ...sound, score: 2 });
  expect(repaired[4]).toMatchObject({ output: '12345678901234' });
});

it('does not guess at fields', async () => {
  const rows = await rowsOf([
    { instruction: 'Add.', output: '4' },
    { instruction: 'Add.', output: '4', judgment: 8 },
    { instruction: 'Add.', output: ['4'], judgment: null },
    { instruction: 'Add.', ouput: '4', outputs: '5', judgment: null },
    { instruction: 'Add.', output: '4', judgment: null },
  ]);
  expect(rows.map((row) => repairRow(row))).toEqual([null, null, null, null, null]);
});
