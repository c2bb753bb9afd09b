import { describe, expect, it } from 'vitest';
import type { RowProblem } from '../../rows/problems.ts';
import { readTriplets } from '../read.ts';
import { temporaryFolder } from '../temporary-folder.test-helper.ts';
import { labelOf } from '../triplet.ts';
import type { Triplet } from '../triplet.ts';

const write = temporaryFolder();
let files = 0;

interface Converted {
  readonly layout: string;
  readonly triplets: readonly Omit<Triplet, 'source'>[];
  readonly parts: readonly (string | undefined)[];
  readonly skipped: Readonly<Record<string, number>>;
  readonly problems: readonly RowProblem[];
}

async function convert(rows: readonly unknown[], layout?: string): Promise<Converted> {
  const path = write(`${files++}.json`, JSON.stringify(rows));
  const data = await readTriplets(path, { onProblem: 'collect', ...(layout !== undefined && { layout }) });
  return {
    layout: data.layout,
    triplets: data.triplets.map(({ source: _, ...rest }) => rest),
    parts: data.triplets.map(({ source }) => source.part),
    skipped: data.skipped,
    problems: data.problems,
  };
}

describe('canonical and alpaca', () => {
  it('tells them apart by id and input, or i_ans', async () => {
    const row = { instruction: 'Ask', output: 'Say', judgment: 'Bad.' };
    expect((await convert([row])).layout).toBe('canonical');
    expect((await convert([{ ...row, input: '' }])).layout).toBe('canonical');
    expect((await convert([{ ...row, id: 'a', revision: 'Better' }])).layout).toBe('canonical');
    expect((await convert([{ ...row, id: 4, input: '' }])).layout).toBe('alpaca');
    expect((await convert([{ ...row, i_ans: null }])).layout).toBe('alpaca');
  });

  it('keeps all canonical fields', async () => {
    const row = {
      instruction: 'Ask',
      input: 'this',
      output: 'Say',
      judgment: 'Bad.',
      score: 2,
      revision: 'Better',
      id: 'a',
    };
    expect((await convert([row])).triplets).toEqual([row]);
  });

  it('reads the offline form of the release: null input, i_ans as revision', async () => {
    const row = {
      output: 'Say',
      input: null,
      instruction: 'Ask',
      reason: null,
      judgment: null,
      i_ans: 'Better',
      score: null,
    };
    expect((await convert([row])).triplets).toEqual([
      { instruction: 'Ask', output: 'Say', judgment: null, revision: 'Better' },
    ]);
  });

  it('finds optional columns that only later rows have', async () => {
    const rows = [
      { instruction: 'Ask', output: 'Say', judgment: null },
      { instruction: 'Ask', output: 'Say', judgment: 'Bad.', i_ans: 'Better' },
    ];
    expect(await convert(rows)).toMatchObject({ layout: 'alpaca', triplets: [{}, { revision: 'Better' }] });
  });
});

describe('shepherd', () => {
  it('reads the data for models', async () => {
    const rows = [{ id: 3, dataset: 'riddles', question: 'What is 2+2?', answer: '5', feedback: 'It is 4.' }];
    expect(await convert(rows)).toMatchObject({
      layout: 'shepherd',
      triplets: [{ id: 3, instruction: 'What is 2+2?', output: '5', judgment: 'It is 4.' }],
    });
    const [triplet] = (await convert(rows)).triplets;
    expect(labelOf(triplet!)).toBe('align-n');
  });

  it('reads the raw data: critiques joined, "no error" is satisfactory, anything else is left out', async () => {
    const row = (categories: readonly unknown[]): object => ({
      id: 1,
      metadata: { context: 'What is 2+2?', output_candidate: '5', output_correct: '4' },
      latestLabel: { jsonResponse: { CLASSIFICATION_JOB_0: { categories } } },
    });
    const error = (name: string, text: string): object => ({ name, children: { JOB: { text } } });
    const data = await convert([
      row([error('ARITHMETIC', ' Not 5. '), error('REDUNDANCY', 'Said twice.')]),
      row([{ name: 'NO_ERROR', children: {} }]),
      row([{ name: 'VERACITY' }]),
      { metadata: {}, latestLabel: {} },
    ]);
    expect(data.layout).toBe('shepherd-raw');
    expect(data.triplets).toEqual([
      { id: 1, instruction: 'What is 2+2?', output: '5', revision: '4', judgment: 'Not 5. Said twice.' },
      { id: 1, instruction: 'What is 2+2?', output: '5', revision: '4', judgment: null },
    ]);
    expect(data.skipped).toEqual({ 'no critique and not marked as free of errors': 1 });
    expect(data.problems).toMatchObject([
      { source: { row: 4 }, field: 'latestLabel.jsonResponse', found: 'no such field' },
    ]);
  });
});

describe('saunders', () => {
  const answer = (text: string, feedback: object): object => ({ answer: text, feedback });
  const critique = (text: string, refinement = ''): object => ({ text, refinement, severity: 2 });
  const task = {
    id: 'task-1',
    source_id: 's',
    split: 'train',
    is_topic_based_summarization: true,
    data: {
      passage: { title: 'Tide', text: 'The tide rose at noon.' },
      questions: [
        {
          question: 'When did it rise?',
          answers: [
            answer('At dawn.', {
              rating: 2,
              critiques: [critique('Not dawn.', 'At noon'), critique('Too brief.', 'At noon.')],
            }),
            answer('At noon.', { rating: 7, critiques: [] }),
            answer('Noon?', { rating: 5, critiques: [] }),
            answer('', { rating: 1, critiques: [critique('Empty.')] }),
            answer('I skip.', { skip: true }),
            answer('It rose at noon.', { rating: 7, critiques: [critique('Repeats the question.')] }),
          ],
          rankings: [1, 2, 3, 0, 0, 6],
        },
      ],
    },
  };

  it('makes a triplet of every answer that was criticised or rated 7', async () => {
    const data = await convert([task]);
    const instruction = 'The tide rose at noon.\nWhen did it rise?';
    expect(data.layout).toBe('saunders');
    expect(data.triplets).toEqual([
      {
        id: 'task-1',
        instruction,
        output: 'At dawn.',
        judgment: 'Not dawn. Too brief.',
        revision: 'At noon.',
      },
      { id: 'task-1', instruction, output: 'At noon.', judgment: null },
      { id: 'task-1', instruction, output: 'It rose at noon.', judgment: 'Repeats the question.' },
    ]);
    // The rating ends at 7: carried as score it would turn a criticised answer into a satisfactory one.
    expect(data.triplets.map(labelOf)).toEqual(['align-n', 'align-p', 'align-n']);
    expect(data.parts[2]).toBe('data.questions[0].answers[5]');
    expect(data.skipped).toEqual({
      'no critique and not rated 7': 1,
      'empty answer': 1,
      'skipped by the labeler': 1,
    });
  });

  const topOnly = (...critiques: object[]): object => {
    const changed = structuredClone(task) as { data: { questions: { answers: object[] }[] } };
    changed.data.questions[0]!.answers[5] = answer('It rose at noon.', { rating: 4, critiques });
    return changed;
  };

  it('takes the highest ranked answer alone if asked to', async () => {
    const data = await convert([topOnly(critique('Repeats.', 'At noon.'))], 'saunders-top');
    expect(data.triplets.map(({ output }) => output)).toEqual(['It rose at noon.']);
  });

  it('of those leaves out, as the paper does, the ones whose last refinement is an empty text', async () => {
    const rows = [
      topOnly(critique('One.')),
      topOnly(critique('Two.', 'At noon.'), critique('Too long.', '')),
      topOnly(critique('Three.', ''), critique('Still long.', 'Noon.')),
      topOnly({ text: 'Four.', refinement: null }),
      topOnly(),
    ];
    const data = await convert(rows, 'saunders-top');
    expect(data.triplets.map(({ judgment }) => judgment)).toEqual(['Three. Still long.', 'Four.']);
    expect(data.skipped).toEqual({ 'empty last refinement': 2, 'no critique and not rated 7': 1 });
    expect((await convert(rows.slice(0, 2), 'saunders')).triplets).toHaveLength(6);
  });

  it('explains rows of the helpfulness part', async () => {
    const row = structuredClone(task) as unknown as { data: { questions: { answers: object[] }[] } };
    row.data.questions[0]!.answers = [{ answer: 'At dawn.', critiques: [{ critique: 'No.', feedback: {} }] }];
    expect((await convert([row])).problems[0]).toMatchObject({ found: 'a row of the "helpfulness" part' });
  });
});

describe('ultrafeedback', () => {
  const aspects = (...ratings: [string, string][]): object =>
    Object.fromEntries(ratings.map(([Rating, Rationale], i) => [`aspect${i}`, { Rating, Rationale }]));

  it('makes a triplet of every completion and labels by score', async () => {
    const data = await convert([
      {
        source: 'made up',
        instruction: 'Name a tree.',
        models: ['a', 'b', 'c', 'd', 'e', 'f'],
        completions: [
          { response: 'Oak', critique: 'Could say more.', overall_score: 8.0 },
          { response: 'Salmon', critique: 'A fish.', overall_score: '2' },
          { response: 'Elm', critique: 'Fine, say more.', overall_score: '9/10' },
          { response: 'Ash', annotations: aspects(['5', 'Right.'], ['3', 'Terse.'], ['N/A', '']) },
          { response: 'Fir', critique: null, annotations: aspects(['5', 'Right.'], ['5', 'Clear.']) },
          { response: 'Cod', critique: '', overall_score: 1 },
        ],
      },
    ]);
    expect(data.layout).toBe('ultrafeedback');
    expect(data.triplets).toEqual([
      { instruction: 'Name a tree.', output: 'Oak', judgment: 'Could say more.', score: 8 },
      { instruction: 'Name a tree.', output: 'Salmon', judgment: 'A fish.', score: 2 },
      { instruction: 'Name a tree.', output: 'Elm', judgment: 'Fine, say more.', score: 9 },
      { instruction: 'Name a tree.', output: 'Ash', judgment: 'Terse.' },
      { instruction: 'Name a tree.', output: 'Fir', judgment: null },
    ]);
    expect(data.triplets.map(labelOf)).toEqual(['align-p', 'align-n', 'align-p', 'align-n', 'align-p']);
    expect(data.parts).toEqual([0, 1, 2, 3, 4].map((i) => `completions[${i}]`));
    expect(data.skipped).toEqual({ 'neither critique nor high score': 1 });
  });

  it('never takes a completion without any judgment for a satisfactory one', async () => {
    const data = await convert([{ instruction: 'Name a tree.', completions: [{ response: 'Oak' }] }]);
    expect(data.triplets).toEqual([]);
    expect(data.skipped).toEqual({ 'neither critique nor high score': 1 });
  });

  it('reads the flat form', async () => {
    const rows = [
      { source: 's', instruction: 'Name a tree.', response: 'Cod', critique: 'A fish.', overall_score: 1 },
    ];
    expect(await convert(rows)).toMatchObject({
      layout: 'ultrafeedback-flat',
      triplets: [{ instruction: 'Name a tree.', output: 'Cod', judgment: 'A fish.', score: 1 }],
    });
  });

  it('reports the path of a field that does not fit', async () => {
    const rows = [
      {
        instruction: 'a',
        completions: [{ response: 'b', critique: 'c', overall_score: 3 }, { critique: 'x' }, 3],
      },
    ];
    const data = await convert(rows);
    expect(data.problems.map(({ field }) => field)).toEqual(
      ['completions[1].response', 'completions[2]'].reverse(),
    );
    expect(data.triplets).toEqual([]);
  });
});

describe('unknown layouts', () => {
  it('lists the layouts, the columns, and near misses', async () => {
    await expect(convert([{ Instruction: 'a', output: 'b', judgement: 'c', extra: 1 }])).rejects.toThrow(
      /"Instruction", "output", "judgement", "extra"[^]*"instruction" is missing; rename "Instruction"\?[^]*rename "judgement"\?[^]*ultrafeedback:/,
    );
    await expect(convert([{ a: 1 }])).rejects.toMatchObject({ code: 'UNKNOWN_LAYOUT' });
  });

  it('refuses a name that does not exist before it reads the file', async () => {
    await expect(readTriplets('/nowhere.json', { layout: 'orca' })).rejects.toThrow(
      /no layout "orca"[^]*canonical:/,
    );
  });

  it('lets a layout be forced, and then names what is missing', async () => {
    const data = await convert([{ question: 'a', answer: 'b', feedback: 'c' }], 'canonical');
    expect(data.problems.map(({ field }) => field)).toEqual(['instruction', 'output', 'judgment']);
  });
});
