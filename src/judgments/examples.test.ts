import { describe, expect, it } from 'vitest';
import type { WhetstoneError } from '../errors.ts';
import type { PromptTemplate } from '../tokens/prompt.ts';
import { ALPACA, stringTemplate } from '../tokens/template.ts';
import { bareTurn } from '../tokens/turn.ts';
import type { Tokenizer } from '../tokens/tokenizer.ts';
import { checkTriplets } from './check.ts';
import { buildExamples, tokenLengths } from './examples.ts';
import type { Triplet } from './triplet.ts';

const BOS = 1;
const EOS = 2;

const encode: Tokenizer['encode'] = (text, { addSpecialTokens = true } = {}) => {
  const pieces = text.match(/\+!|[^]/gu) ?? [];
  let at = 0;
  const offsets = pieces.map((piece) => {
    const start = at;
    at += Array.from(piece).length;
    return [start, at] as const;
  });
  const ids = pieces.map((piece) => (piece === '+!' ? 3 : 100 + piece.codePointAt(0)!));
  return Promise.resolve({
    ids: Int32Array.from(addSpecialTokens ? [BOS, ...ids] : ids),
    offsets: addSpecialTokens ? [[0, 0] as const, ...offsets] : offsets,
    leading: addSpecialTokens ? 1 : 0,
    trailing: 0,
  });
};

/** One token a code point, behind a BOS; only "+!" is one token, so that it can straddle a prompt's end. */
const tokenizer: Tokenizer = {
  encode,
  encodeUpTo: (text, _, options) => encode(text, options),
  fewestTokens: () => 0,
  decode: (ids) =>
    Promise.resolve(
      Array.from(ids, (id) => (id === 3 ? '+!' : id > 99 ? String.fromCodePoint(id - 100) : '')).join(''),
    ),
  tokenToId: () => null,
  idToToken: () => null,
  eosTokenId: EOS,
  stopTokenIds: [EOS],
  bosTokenId: BOS,
  vocabSize: 0x110064,
  specialTokens: {},
  chatTemplate: null,
  addedTokens: new Set(),
  fingerprint: '',
};

/** What is known of a file of rows that was read. */
const readFile = {
  file: 'rows.json',
  format: 'json',
  layout: 'canonical',
  rows: 3,
  skipped: {},
  problems: [],
} as const;

const template: PromptTemplate = {
  name: 'test',
  specialTokens: 'tokenizer',
  record: { template: 'bare' },
  turn: bareTurn,
  conversations: true,
  praise: 'Perfect.',
  renderCritique: ({ instruction }, output) => [`${instruction}>${output}`, '?'],
  renderRevision: ({ instruction }, output, judgment) => [`${instruction}>${output}`, `[${judgment}]>`],
  renderForewarned: ({ instruction }, said) => `${instruction}{${said}}>`,
  render: ({ instruction, input }, judgment) =>
    `${instruction}${input ? `/${input}` : ''}${judgment === null ? '' : `[${judgment}]`}>`,
};

const triplet = (row: number, rest: Partial<Triplet>): Triplet => ({
  instruction: 'ask',
  output: 'say',
  judgment: null,
  source: { file: 'rows.json', row },
  ...rest,
});

const settings = { tokenizer, template, cutoffLength: 50 };
const read = async (ids: Int32Array): Promise<string> => tokenizer.decode(ids);

describe('buildExamples', () => {
  it('makes Align-P of satisfactory rows and Align-N with its Misalign of the others', async () => {
    const { examples, summary } = await buildExamples(
      [
        triplet(1, {}),
        triplet(2, { judgment: 'no', input: 'now' }),
        triplet(3, { judgment: 'Perfect.' }),
        triplet(4, { judgment: 'no', score: 8 }),
      ],
      settings,
    );
    expect(examples.map(({ label }) => label)).toEqual(['align-p', 'align-n', 'align-p', 'align-p']);
    expect(examples.map(({ index }) => index)).toEqual([0, 1, 2, 3]);
    expect(examples.map(({ rejected }) => rejected)).toEqual([false, true, false, false]);
    expect(examples.map(({ sequences }) => Object.keys(sequences).join())).toEqual([
      'plain',
      'plain,judged',
      'plain',
      'plain',
    ]);
    const [, negative, perfect] = examples.map(({ sequences, ...rest }) => ({ ...sequences, ...rest }));
    expect(await read(negative!.plain!.ids)).toBe('ask/now>say');
    expect(await read(negative!.judged!.ids)).toBe('ask/now[no]>say');
    expect(await read(perfect!.plain!.ids)).toBe('ask>say');
    const tail = (s: { ids: Int32Array; responseStart: number }): number[] =>
      Array.from(s.ids.subarray(s.responseStart));
    expect(tail(negative!.plain!)).toEqual(tail(negative!.judged!));
    expect(tail(negative!.plain!).at(-1)).toBe(EOS);
    expect(negative!.offsets).toEqual([
      [0, 1],
      [1, 2],
      [2, 3],
      [3, 3],
    ]);
    expect(summary).toEqual({
      alignP: 3,
      alignN: 1,
      truncated: 0,
      straddling: 0,
      contextsDiffer: 0,
      unused: 0,
      emptyResponses: 0,
      tooLong: 0,
    });
  });

  it('builds the sequences of every role that is asked for, and no others', async () => {
    const spoken: Tokenizer = {
      ...tokenizer,
      decode: async (ids) => {
        const parts = Array.from(ids, async (id) => (id === EOS ? '|' : await tokenizer.decode([id])));
        return (await Promise.all(parts)).join('');
      },
    };
    const rows = [
      triplet(1, { judgment: 'no', revision: 'better' }),
      triplet(2, {}),
      triplet(3, { judgment: 'Perfect!' }),
    ];
    const all = ['plain', 'judged', 'praised', 'revising', 'critique', 'preferred'] as const;
    const asked = [all, ['praised', 'critique'], ['judged', 'critique']] as const;
    const { examples } = await buildExamples(rows, {
      ...settings,
      roles: ({ source }) => asked[source.row - 1]!,
    });
    const read = async ({ sequences }: (typeof examples)[number]): Promise<Record<string, string[]>> =>
      Object.fromEntries(
        await Promise.all(
          Object.entries(sequences).map(async ([role, { ids, responseStart }]) => [
            role,
            [
              await spoken.decode(ids.subarray(0, responseStart)),
              await spoken.decode(ids.subarray(responseStart)),
            ],
          ]),
        ),
      ) as Record<string, string[]>;
    expect(await read(examples[0]!)).toEqual({
      plain: ['ask>', 'say|'],
      judged: ['ask[no]>', 'say|'],
      praised: ['ask[Perfect.]>', 'say|'],
      revising: ['ask>say|[no]>', 'say|'],
      critique: ['ask>say|?', 'no|'],
      preferred: ['ask>', 'better|'],
    });
    expect(examples[0]!.offsets).toHaveLength(4);
    // Without words of its own a row is praised in the template's.
    expect(await read(examples[1]!)).toEqual({
      praised: ['ask[Perfect.]>', 'say|'],
      critique: ['ask>say|?', 'Perfect.|'],
    });
    expect(await read(examples[2]!)).toEqual({
      judged: ['ask[Perfect!]>', 'say|'],
      critique: ['ask>say|?', 'Perfect!|'],
    });
  });

  it('gives pairs that share a response the same sequence, so that it is scored once', async () => {
    const rows = [
      triplet(1, { output: 'worst', revision: 'best' }),
      triplet(2, { output: 'middling', revision: 'best' }),
      triplet(3, { output: 'worst', revision: 'middling' }),
    ];
    const { examples } = await buildExamples(rows, { ...settings, roles: () => ['preferred', 'plain'] });
    const [a, b, c] = examples.map(({ sequences }) => sequences);
    expect(a!.preferred).toBe(b!.preferred);
    expect(a!.plain).toBe(c!.plain);
    expect(b!.plain).toBe(c!.preferred);
    expect(a!.plain).not.toBe(b!.plain);
  });

  it('leaves out triplets without a role, and names the field that cannot be used', async () => {
    const some = [triplet(1, {}), triplet(2, { judgment: 'no' }), triplet(3, { output: '' })];
    const { examples, summary } = await buildExamples(some, {
      ...settings,
      roles: ({ source }) => (source.row === 2 ? ['critique'] : []),
    });
    expect(examples.map(({ index, offsets }) => [index, offsets])).toEqual([[1, []]]);
    expect(summary.unused).toBe(2);
    const failing = (row: Triplet, role: 'critique' | 'preferred'): Promise<unknown> =>
      buildExamples([row], { ...settings, roles: () => [role] });
    await expect(failing(triplet(4, { judgment: 'x'.repeat(60) }), 'critique')).rejects.toMatchObject({
      code: 'RESPONSE_TOO_LONG',
      place: { row: 4, field: 'judgment' },
    });
    await expect(failing(triplet(5, { revision: ' ' }), 'preferred')).rejects.toMatchObject({
      code: 'EMPTY_RESPONSE',
      place: { row: 5, field: 'revision' },
    });
  });

  it('takes chosen positions in their order and keeps the position as index', async () => {
    const rows = Array.from({ length: 200 }, (_, i) => triplet(i + 1, { output: `say ${i}` }));
    const positions = Uint32Array.of(150, 3, 199, 0);
    const { examples } = await buildExamples(rows, { ...settings, positions });
    expect(examples.map(({ index }) => index)).toEqual([150, 3, 199, 0]);
    expect(await read(examples[0]!.sequences.plain!.ids)).toBe('ask>say 150');
    const all = await buildExamples(rows, settings);
    expect(all.examples.map(({ index }) => index)).toEqual(rows.map((_, i) => i));
  });

  it('shortens prompts from the left and counts them', async () => {
    const rows = [triplet(1, { instruction: 'a long question', judgment: 'bad' }), triplet(2, {})];
    const { examples, summary } = await buildExamples(rows, { ...settings, cutoffLength: 15 });
    expect(await read(examples[0]!.sequences.judged!.ids)).toBe('tion[bad]>say'.slice(-13));
    expect(examples[0]!.sequences.judged!.ids).toHaveLength(15);
    expect(examples[0]!.sequences.judged!.ids[0]).toBe(BOS);
    expect(examples[0]!.dropped).toBeGreaterThan(0);
    expect(examples[1]!.dropped).toBe(0);
    expect(summary).toMatchObject({ truncated: 1, alignN: 1, alignP: 1 });
  });

  it('never cuts a judgment: such rows are refused, or left out and counted', async () => {
    const rows = [triplet(1, { judgment: 'a long complaint' }), triplet(2, {})];
    // The BOS, "a long complaint]>" and "say" with its end token: one more than the cut-off.
    const cutoffLength = 1 + 18 + 4 - 1;
    const refused = buildExamples(rows, { ...settings, cutoffLength });
    await expect(refused).rejects.toMatchObject({
      code: 'JUDGMENT_CUT',
      place: { file: 'rows.json', row: 1, field: 'judgment' },
    });
    const left = await buildExamples(rows, { ...settings, cutoffLength, longRows: 'skip' });
    expect(left.summary).toMatchObject({ alignN: 0, alignP: 1, tooLong: 1 });
    expect(left.long).toMatchObject([{ row: 1, field: 'judgment', code: 'judgment-cut' }]);
    const { examples } = await buildExamples(rows, { ...settings, cutoffLength: cutoffLength + 1 });
    expect(await read(examples[0]!.sequences.judged!.ids)).toBe('a long complaint]>say'.slice(-21));
    const data = { ...readFile, triplets: rows };
    const report = await checkTriplets(data, {
      tokenLengths: tokenLengths(tokenizer, template),
      cutoffLength,
    });
    const errors = report.findings.filter(({ severity }) => severity === 'error');
    expect(errors).toMatchObject([{ code: 'judgment-cut', row: 1, field: 'judgment' }]);
  });

  it('refuses all conversations that the template has no place for, each with its row', async () => {
    const before = [
      { role: 'user', content: 'a' },
      { role: 'assistant', content: 'b' },
    ] as const;
    const rows = [triplet(1, {}), triplet(2, { before }), triplet(3, { before, judgment: 'no' })];
    const alpaca = stringTemplate('alpaca', ALPACA);
    const refused = await buildExamples(rows, { ...settings, cutoffLength: 500, template: alpaca }).catch(
      (error: unknown) => error as WhetstoneError,
    );
    expect(refused).toMatchObject({ code: 'NO_PLACE_FOR_TURNS', problems: [{ row: 2 }, { row: 3 }] });
    const one = buildExamples(rows.slice(0, 2), { ...settings, cutoffLength: 500, template: alpaca });
    await expect(one).rejects.toThrow(/row 2: the template "alpaca" takes one instruction, and 2 messages/);
    const count = tokenLengths(tokenizer, alpaca);
    const report = await checkTriplets({ ...readFile, triplets: rows }, { tokenLengths: count });
    const refusals = report.findings.filter(({ severity }) => severity === 'error');
    expect(refusals).toMatchObject([
      { code: 'no-place-for-turns', row: 2 },
      { code: 'no-place-for-turns', row: 3 },
    ]);
  });

  it('counts responses tokenized apart from their prompt', async () => {
    const plus: PromptTemplate = {
      ...template,
      render: (text, judgment) => `${template.render(text, judgment)}+`,
    };
    const rows = [triplet(1, { output: '!x', judgment: 'no' }), triplet(2, {})];
    const { examples, summary } = await buildExamples(rows, { ...settings, template: plus });
    expect(examples.map(({ retokenized }) => retokenized)).toEqual(['straddle', null]);
    expect(summary).toMatchObject({ straddling: 1, contextsDiffer: 0 });
  });

  it('refuses one empty or overlong response with its place', async () => {
    await expect(
      buildExamples([triplet(1, {}), triplet(2, { output: ' ' })], settings),
    ).rejects.toMatchObject({
      code: 'EMPTY_RESPONSE',
      place: { file: 'rows.json', row: 2, field: 'output' },
    });
    const long = triplet(3, { output: 'x'.repeat(49), source: { file: 'rows.jsonl', row: 3, line: 5 } });
    await expect(buildExamples([long], settings)).rejects.toMatchObject({
      code: 'RESPONSE_TOO_LONG',
      place: { file: 'rows.jsonl', row: 3, line: 5, field: 'output' },
    });
    expect((await buildExamples([triplet(1, { output: 'x'.repeat(48) })], settings)).summary.truncated).toBe(
      1,
    );
  });

  it('reports all rows that cannot be used at once, or leaves them out and counts them', async () => {
    const rows = Array.from({ length: 30 }, (_, i) =>
      triplet(i + 1, { output: i % 3 === 0 ? '' : i % 3 === 1 ? 'x'.repeat(80) : 'fine' }),
    );
    const error: unknown = await buildExamples(rows, settings).catch((caught: unknown) => caught);
    expect(error).toMatchObject({ code: 'UNUSABLE_ROWS' });
    expect(String(error)).toContain('20 of 30 rows');
    expect(String(error)).toContain('row 1, field "output": empty');
    expect(String(error)).toContain('row 2, field "output": longer than the cut-off');
    expect(String(error)).toContain('and 10 more');
    const { examples, summary } = await buildExamples(rows, { ...settings, onUnusable: 'skip' });
    expect(summary).toMatchObject({ emptyResponses: 10, tooLong: 10, alignP: 10 });
    expect(examples.map(({ index }) => index)).toEqual([2, 5, 8, 11, 14, 17, 20, 23, 26, 29]);
  });

  it('leaves out the rows that are too long alone if told to, and names them', async () => {
    const rows = ['fine', 'x'.repeat(80), 'fine', 'y'.repeat(81)].map((output, i) =>
      triplet(i + 1, { output }),
    );
    const skip = { ...settings, longRows: 'skip' } as const;
    const { examples, summary, long } = await buildExamples(rows, skip);
    expect(examples.map(({ index }) => index)).toEqual([0, 2]);
    expect(summary).toMatchObject({ tooLong: 2, emptyResponses: 0 });
    expect(long).toMatchObject([
      { row: 2, field: 'output', code: 'unfit-row' },
      { row: 4, field: 'output', code: 'unfit-row' },
    ]);
    await expect(buildExamples([...rows, triplet(5, { output: '' })], skip)).rejects.toMatchObject({
      code: 'EMPTY_RESPONSE',
      place: { row: 5 },
    });
  });

  it('holds rows to the positions of the model as well, with another remedy', async () => {
    const rows = [
      triplet(1, { output: 'fine' }),
      triplet(2, { output: 'fine', instruction: 'x'.repeat(40) }),
    ];
    const { examples } = await buildExamples(rows, settings);
    const sizes = examples.map(({ sequences }) =>
      Math.max(...Object.values(sequences).map(({ ids }) => ids.length)),
    );
    const most = sizes[0]!;
    expect(sizes[1]).toBeGreaterThan(most);
    const bounded = { ...settings, maxPositions: most };
    await expect(buildExamples(rows, bounded)).rejects.toMatchObject({
      code: 'SEQUENCE_TOO_LONG',
      place: { row: 2 },
      hint: expect.stringMatching(new RegExp(`cutoffLen.* to ${most}:[^]*longRows.* skip`)) as string,
    });
    const { long, summary } = await buildExamples(rows, { ...bounded, longRows: 'skip' });
    expect(summary).toMatchObject({ tooLong: 1 });
    expect(long).toMatchObject([{ row: 2, code: 'beyond-context' }]);
    const cut = await buildExamples(rows, { ...bounded, cutoffLength: most });
    expect(cut.summary).toMatchObject({ truncated: 1, tooLong: 0 });
  });

  it('says so when nothing is left', async () => {
    const rows = [triplet(1, { output: '' })];
    await expect(buildExamples(rows, { ...settings, onUnusable: 'skip' })).rejects.toMatchObject({
      code: 'NO_EXAMPLES',
    });
  });

  it('passes on what cannot be encoded, with its place', async () => {
    await expect(buildExamples([triplet(4, { output: '\ud800' })], settings)).rejects.toMatchObject({
      code: 'LONE_SURROGATE',
      place: { file: 'rows.json', row: 4, field: 'output' },
    });
  });
});

it('tokenLengths agrees with what buildExamples makes', async () => {
  const triplets = [
    triplet(1, {}),
    triplet(2, { judgment: 'quite wrong' }),
    triplet(3, { judgment: 'bad', score: 9 }),
  ];
  const { examples } = await buildExamples(triplets, settings);
  const count = tokenLengths(tokenizer, template);
  for (const [i, example] of examples.entries()) {
    const lengths = await count(triplets[i]!);
    expect(lengths).toEqual({
      prompt: example.sequences.plain!.responseStart,
      judgedPrompt: example.sequences.judged?.responseStart ?? null,
      judgment: example.sequences.judged ? 1 + 'quite wrong]>'.length : 0,
      response: example.sequences.plain!.ids.length - example.sequences.plain!.responseStart,
      retokenized: false,
      largestToken: Math.max(...Object.values(example.sequences).flatMap(({ ids }) => [...ids])),
    });
  }
  const data = { ...readFile, triplets };
  const report = await checkTriplets(data, { tokenLengths: count, cutoffLength: 19 });
  expect(report.tokens).toMatchObject({ truncated: 1, unfit: 0 });
  const built = await buildExamples(triplets, { ...settings, cutoffLength: 19 });
  expect(built.summary.truncated).toBe(1);
});
