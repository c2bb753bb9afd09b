import { describe, expect, it } from 'vitest';
import { checkFile } from './check.ts';
import type { DataReport } from './check.ts';
import { formatReport, reportToJson } from './report.ts';
import { temporaryFolder } from './temporary-folder.test-helper.ts';

const write = temporaryFolder();
let files = 0;

interface Row {
  instruction?: unknown;
  input?: string;
  output?: unknown;
  judgment?: unknown;
  score?: number;
}

/** Rows with their own instruction and response unless told otherwise, so that they are no duplicates. */
function file(rows: readonly Row[]): string {
  const full = rows.map((row, i) => ({
    instruction: `Describe thing number ${i} for a child.`,
    output: `Thing ${i} is round and green.`,
    judgment: null,
    ...row,
  }));
  return write(`${files++}.jsonl`, full.map((row) => JSON.stringify(row)).join('\n'));
}

async function codes(rows: readonly Row[]): Promise<string[]> {
  const { findings } = await checkFile(file(rows));
  return findings.map(({ code, row, field }) => `${code} ${row} ${field}`);
}

describe('findings', () => {
  it('are none for sound rows', async () => {
    expect(
      await codes([
        {},
        { judgment: 'Perfect.' },
        { judgment: 'Thing 2 is blue, as the picture shows.' },
        { judgment: 'The colour is wrong.', score: 3 },
        { judgment: 'Could be shorter.', score: 8 },
        { judgment: '颜色不对。' },
        { output: 'Привет, мир! 😀👍🏽', judgment: 'Not in English.' },
      ]),
    ).toEqual([]);
  });

  it.each<[string, Row, string[]]>([
    ['an empty response', { output: '' }, ['empty-response 1 output']],
    ['a blank response', { output: ' \n\u00a0' }, ['empty-response 1 output']],
    ['an empty instruction', { instruction: ' ' }, ['empty-instruction 1 instruction']],
    ['an instruction in the input alone', { instruction: '', input: 'Name a fish.' }, []],
    ['a blank judgment', { judgment: '  ' }, ['blank-judgment 1 judgment']],
    ['a placeholder', { judgment: '$ERROR$' }, ['placeholder-judgment 1 judgment']],
    [
      'a placeholder in a row with a score',
      { judgment: 'N/A', score: 9 },
      ['placeholder-judgment 1 judgment'],
    ],
    ['praise', { judgment: 'The response is perfect.' }, ['praise-as-critique 1 judgment']],
    ['mild praise', { judgment: 'Good job!' }, ['praise-as-critique 1 judgment']],
    [
      'praise and fault',
      { judgment: 'The response is perfect, but the colour should be blue.' },
      ['praise-then-critique 1 judgment'],
    ],
    ['fault after Perfect', { judgment: 'Perfect, but too long.' }, ['critique-as-praise 1 judgment']],
    [
      'a rejected response with a high score',
      { judgment: 'The answer is wrong.', score: 9 },
      ['critique-as-praise 1 judgment'],
    ],
    ['a low score and no judgment', { score: 2 }, ['low-score-satisfactory 1 score']],
    ['a low score and praise', { judgment: 'Perfect!', score: 1 }, ['low-score-satisfactory 1 score']],
    ['a middling score', { score: 6 }, []],
    ['a short judgment', { judgment: 'Bad.' }, ['short-judgment 1 judgment']],
    [
      'a judgment that is the instruction',
      { judgment: 'describe thing number 0 for a child' },
      ['judgment-is-instruction 1 judgment'],
    ],
    [
      'a judgment that is the response',
      { judgment: '“Thing 0 is round and green.”' },
      ['judgment-repeats-response 1 judgment'],
    ],
    [
      'a response that is the instruction',
      { output: 'Describe thing number 0 for a child' },
      ['response-is-instruction 1 output'],
    ],
    [
      'template leftovers',
      { output: 'Round.\n### Response:', judgment: 'See {judgment}, please.' },
      ['template-leftover 1 output', 'template-leftover 1 judgment'],
    ],
    ['a lost character', { output: 'na\ufffdve' }, ['broken-character 1 output']],
    ['half a character', { output: 'smile \ud83d' }, ['half-character 1 output']],
  ])('%s', async (_, row, expected) => expect(await codes([row])).toEqual(expected));

  it('name duplicates and what kind they are', async () => {
    const same = { instruction: 'Name a fish.', output: 'Oak' };
    const { findings, counts } = await checkFile(
      file([
        { ...same, judgment: 'An oak is a tree.' },
        { ...same, judgment: 'Trees are no fish.' },
        { ...same, judgment: 'An oak is a tree.' },
        { ...same, judgment: null },
        { ...same, input: 'From the sea.', judgment: 'An oak is a tree.' },
        { ...same, input: '', judgment: null },
      ]),
    );
    expect(findings.map(({ code, row, message }) => `${row} ${code}: ${message}`)).toEqual([
      '2 judged-again: row 1 has another judgment of it',
      '3 duplicate: row 1 is the same',
      '4 contradicting-judgments: row 1 says the opposite of the same response',
      '6 contradicting-judgments: row 1 says the opposite of the same response',
    ]);
    expect(counts).toEqual({ 'contradicting-judgments': 2, duplicate: 1, 'judged-again': 1 });
  });

  it('carry file, row, line, field and a short excerpt', async () => {
    const path = write(
      'place.jsonl',
      `\n${JSON.stringify({ instruction: 'a', output: 'b', judgment: `$ERROR$` })}\n`,
    );
    expect((await checkFile(path)).findings).toEqual([
      {
        code: 'placeholder-judgment',
        severity: 'error',
        file: path,
        row: 1,
        line: 2,
        field: 'judgment',
        message: 'would count as criticism',
        excerpt: '$ERROR$',
      },
    ]);
    const [long] = (await checkFile(file([{ judgment: `Great answer! ${'So clear. '.repeat(50)}` }])))
      .findings;
    expect(Array.from(long!.excerpt)).toHaveLength(80);
    expect(long!.excerpt.endsWith('…')).toBe(true);
  });

  it('include the rows that cannot be read', async () => {
    const report = await checkFile(file([{ output: 5 }, {}, { instruction: null, judgment: 3 }]));
    expect(report).toMatchObject({ rows: 3, triplets: 1, counts: { 'invalid-row': 3 } });
    expect(report.findings[0]).toMatchObject({
      row: 1,
      field: 'output',
      message: 'expected a string, found the number 5',
    });
  });
});

describe('counts and lengths', () => {
  const path = file([
    { output: '😀'.repeat(10) },
    { judgment: 'Perfect.', output: 'x'.repeat(20) },
    { judgment: 'Wrong colour here.', score: 8 },
    { judgment: 'Wrong colour here.', output: 'x'.repeat(400), input: 'abc' },
  ]);
  /** A token a character: enough to test the arithmetic. */
  const tokenLengths = (triplet: { instruction: string; output: string; judgment: string | null }) =>
    Promise.resolve({
      prompt: triplet.instruction.length,
      judgedPrompt: triplet.output.length === 400 ? triplet.instruction.length + 18 : null,
      response: triplet.output.length + 1,
      retokenized: false,
      largestToken: triplet.output.length,
    });

  it('count labels and why', async () => {
    const report = await checkFile(path);
    expect(report).toMatchObject({
      rows: 4,
      triplets: 4,
      satisfactory: 3,
      unsatisfactory: 1,
      reasons: { 'no-judgment': 1, 'begins-with-perfect': 1, score: 1, judgment: 1 },
      tokens: null,
    });
  });

  it('measure characters in code points, judgments of unsatisfactory rows only', async () => {
    const { characters } = await checkFile(path);
    expect(characters.response).toMatchObject({ min: 10, max: 400, count: 4 });
    expect(characters.judgment).toEqual({ count: 1, min: 18, median: 18, p95: 18, max: 18, total: 18 });
    expect(characters.instruction).toMatchObject({ min: 36, max: 39 });
  });

  it('measure tokens and what a cut-off does', async () => {
    const { tokens, findings } = await checkFile(path, { tokenLengths, cutoffLength: 420 });
    expect(tokens).toMatchObject({ truncated: 1, unfit: 0, cutoffLength: 420, response: { max: 401 } });
    expect(tokens?.judgedPrompt).toMatchObject({ count: 1, max: 54 });
    expect(findings).toMatchObject([
      { code: 'truncated-prompt', row: 4, message: expect.stringContaining('455 tokens; 35') as string },
    ]);
    const tight = await checkFile(path, { tokenLengths, cutoffLength: 401 });
    expect(tight.tokens).toMatchObject({ truncated: 0, unfit: 1 });
    expect(tight.counts).toEqual({ 'unfit-row': 1 });
  });

  it("tell of tokens outside the model's vocabulary, the last one inside", async () => {
    const rows = file([{ output: 'four' }, { output: 'fives' }, { output: 'twelve chars' }]);
    const { findings } = await checkFile(rows, { tokenLengths, vocabSize: 5 });
    expect(findings.filter(({ code }) => code === 'outside-vocabulary')).toMatchObject([
      {
        row: 2,
        severity: 'error',
        message: expect.stringContaining('token 5, and the model has 5') as string,
      },
      { row: 3, message: expect.stringContaining('token 12') as string },
    ]);
    const { counts } = await checkFile(rows, { tokenLengths });
    expect(counts['outside-vocabulary']).toBeUndefined();
  });

  it('leave rows out that cannot be tokenized', async () => {
    const report = await checkFile(file([{ output: '\udc00' }, {}]), { tokenLengths, cutoffLength: 10_000 });
    expect(report.tokens).toMatchObject({ failed: 1, response: { count: 1 } });
    expect(report.counts).toEqual({ 'half-character': 1 });
  });
});

describe('the report', () => {
  const rows: Row[] = [
    ...Array.from({ length: 7 }, () => ({ judgment: '$ERROR$' })),
    { judgment: 'Bad.' },
    { judgment: `The response is perfect. ${'It has everything. '.repeat(20)}` },
    { output: '' },
  ];
  const report = (): Promise<DataReport> => checkFile(file(rows));

  it('groups findings by kind, the gravest first, and shows the first of each', async () => {
    const text = formatReport(await report(), { perKind: 3 });
    const headings = text.split('\n').filter((line) => /^(error|warning|note):/.test(line));
    expect(headings).toEqual([
      'error: empty responses (1) [empty-response]',
      'error: judgments that are placeholders of a program (7) [placeholder-judgment]',
      'error: judgments that only praise, in rows that count as unsatisfactory (1) [praise-as-critique]',
      'note: critiques of one or two words (1) [short-judgment]',
    ]);
    expect(text.match(/\$ERROR\$/g)).toHaveLength(3);
    expect(text).toContain('… and 4 more');
    expect(text).toMatch(/9 errors, 0 warnings, 1 note$/);
  });

  it('keeps lines within the width and columns aligned', async () => {
    const text = formatReport(await report(), { width: 90, perKind: Infinity });
    const lines = text.split('\n').slice(1);
    const rows = lines.filter((line) => /^ {2}row /.test(line));
    expect(rows.length).toBe(10);
    expect(Math.max(...rows.map((line) => line.length))).toBe(90);
    const table = lines.filter((line) => /characters/.test(line));
    expect(new Set(table.map((line) => line.length)).size).toBe(1);
    expect(text).not.toContain('and 4 more');
  });

  it('says so when there is nothing', async () => {
    expect(formatReport(await checkFile(file([{}, {}])))).toMatch(/nothing suspicious found$/);
  });

  it('lets headings be painted and leaves the words alone', async () => {
    const data = await report();
    const painted = formatReport(data, { paint: (text, severity) => `<${severity}>${text}</>` });
    expect(painted).toContain('<error>error: empty responses (1)</> [empty-response]');
    expect(painted.replace(/<\/?\w*>/g, '')).toBe(formatReport(data));
  });

  it('has a JSON form that holds everything', async () => {
    const data = await report();
    expect(JSON.parse(reportToJson(data))).toEqual(data);
  });

  it('tells what a layout left out and what a cut-off does', async () => {
    const path = write(
      'uf.json',
      JSON.stringify([
        { instruction: 'Ask', completions: [{ response: 'a' }, { response: 'b', overall_score: 9 }] },
      ]),
    );
    const lengths = { prompt: 5, judgedPrompt: null, response: 2, retokenized: true, largestToken: 1 };
    const text = formatReport(
      await checkFile(path, { tokenLengths: () => Promise.resolve(lengths), cutoffLength: 6 }),
    );
    expect(text).toContain('left out: 1 (neither critique nor high score)');
    expect(text).toContain('1 by their score');
    expect(text).toContain('cut-off of 6 tokens: 1 prompts shortened, 0 rows do not fit');
    expect(text).toContain('row 1 completions[1] instruction: 7 tokens; 1 of the prompt');
  });
});

it.each([
  [
    'an instruction, response and judgment that are alike',
    'The quick brown fox, jumps over it. ',
    'The quick brown fox, jumps over it. ',
  ],
  ['a judgment that nearly repeats a long response', 'correctly points ', '漢'],
  ['spaces and line breaks', ' \n', 'no '],
])('a row of megabytes is looked at in no more than seconds: %s', async (_, judged, said) => {
  const times = (text: string): string => text.repeat(Math.ceil(4e6 / text.length));
  const began = process.cpuUsage();
  await codes([{ instruction: times(judged), output: times(said), judgment: times(judged) }]);
  const { user } = process.cpuUsage(began);
  // Work that grows with the square of the length would take minutes.
  expect(user / 1e6).toBeLessThan(20);
});
