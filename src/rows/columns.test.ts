// Columns that would change what a row means are refused where they say something, for every reader of rows.
import { describe, expect, it } from 'vitest';
import { readReferences } from '../evaluation/references.ts';
import { readInstructions } from '../generation/instructions.ts';
import { readJudgeRows } from '../judges/judge-rows.ts';
import { checkFile, readTriplets } from '../judgments/index.ts';
import { temporaryFolder } from '../judgments/temporary-folder.test-helper.ts';

const write = temporaryFolder();
let files = 0;
const rowsFile = (...rows: object[]): string =>
  write(`${files++}.jsonl`, rows.map((row) => `${JSON.stringify(row)}\n`).join(''));
const base = { instruction: 'And of Spain?', input: '', output: 'Lisbon.', judgment: 'It is Madrid.' };

const readers: readonly (readonly [string, (file: string) => Promise<unknown>])[] = [
  ['triplets', (file) => readTriplets(file)],
  ['rows to judge', (file) => readJudgeRows(file)],
  ['instructions', (file) => readInstructions(file)],
  ['references', (file) => readReferences(file)],
];

describe.each(readers)('%s', (_, read) => {
  it.each([
    ['System', 'Be brief.'],
    ['system_prompt', 'Be brief.'],
    ['conversations', [{ from: 'human', value: 'x' }]],
  ])('refuse %s that says something', async (column, value) => {
    await expect(read(rowsFile(base, { ...base, [column]: value }))).rejects.toMatchObject({
      code: 'INVALID_ROWS',
      place: { row: 2, field: column },
    });
  });

  it('take them where they say nothing, and columns that mean something else', async () => {
    const empty = { system: '', history: [], messages: null, conversations: {}, System: '  ' };
    const others = {
      source: 'x',
      model: 'y',
      category: 'z',
      idx: 4,
      decision: 'no',
      output_2: 'Porto.',
      scores: [1],
      store: 'a',
    };
    await expect(read(rowsFile({ ...base, ...empty, ...others }))).resolves.toBeDefined();
  });

  it('take an empty list that a table writes as text', async () => {
    const table = 'instruction,output,judgment,history,system\nAnd?,Yes.,Wrong.,[],null\n';
    await expect(read(write(`${files++}.csv`, table))).resolves.toBeDefined();
    const told = 'instruction,output,judgment,dialog\nAnd?,Yes.,Wrong.,"[[""a"",""b""]]"\n';
    await expect(read(write(`${files++}.csv`, told))).rejects.toThrow(/field "dialog"/);
  });

  it('ask whether a slip was meant', async () => {
    await expect(read(rowsFile({ ...base, instructon: 'Of Italy?' }))).rejects.toThrow(
      /field "instructon": .*did you mean instruction\?/,
    );
    await expect(read(rowsFile({ ...base, imput: 'a text' }))).rejects.toThrow(/did you mean input\?/);
    await expect(read(rowsFile({ ...base, context: 'Count in base 5.' }))).rejects.toThrow(
      /did you mean input\?/,
    );
    await expect(read(rowsFile({ ...base, input: 'a text', context: 'b' }))).resolves.toBeDefined();
    await expect(read(rowsFile({ ...base, ['i'.repeat(1e6)]: 'a' }))).resolves.toBeDefined();
    await expect(read(rowsFile({ ...base, instructon: base.instruction }))).resolves.toBeDefined();
  });
});

describe('judged triplets', () => {
  const found = async (row: object): Promise<string[]> => {
    const { findings } = await checkFile(rowsFile(row));
    return findings
      .filter(({ code }) => code === 'invalid-row')
      .map(({ field, message }) => `${field}: ${message}`);
  };

  it.each([
    [
      { ...base, judgment: null, judgement: 'c' },
      'judgement: expected a column that is read (did you mean judgment?)',
    ],
    [{ ...base, Judgment: 'c' }, 'Judgment: expected a column that is read (did you mean judgment?)'],
    [
      { ...base, judgment: null, critique: 'c' },
      'critique: expected a column that is read (did you mean judgment?)',
    ],
    [
      { ...base, judgment: '', feedbak: 'c' },
      'feedbak: expected a column that is read (did you mean judgment?)',
    ],
    [
      { ...base, output: '', respones: 'c' },
      'respones: expected a column that is read (did you mean output?)',
    ],
    [
      { ...base, instruction: '', prompt: 'c' },
      'prompt: expected a column that is read (did you mean instruction?)',
    ],
    [{ ...base, Score: 9 }, 'Score: expected a column that is read (did you mean score?)'],
    [{ ...base, revison: 'Madrid.' }, 'revison: expected a column that is read (did you mean revision?)'],
  ])('%j', async (row, expected) => {
    const messages = await found(row);
    expect(messages).toHaveLength(1);
    expect(messages[0]).toContain(expected);
    await expect(readTriplets(rowsFile(row))).rejects.toMatchObject({ code: 'INVALID_ROWS' });
  });

  it('say once that a column is missing, and which may be it', async () => {
    const { judgment, ...rest } = base;
    await expect(readTriplets(rowsFile(base, { ...rest, judgement: judgment }))).rejects.toThrow(
      /: expected a string, or null if the response is satisfactory, found no such field, but "judgement"\n/,
    );
    await expect(readTriplets(rowsFile({ prompt: 'a', respones: 'b', critique: 'c' }))).rejects.toThrow(
      /"instruction" is missing; rename "prompt"\?[^]*"output" is missing; rename "respones"\?[^]*rename "critique"\?/,
    );
  });

  it('keep a second judgment beside one that is there, and the same text under two names', async () => {
    expect(await found({ ...base, critique: 'c', response: 'd', prompt: 'e', feedback: 'f' })).toEqual([]);
    expect(await found({ ...base, judgement: base.judgment })).toEqual([]);
  });
});
