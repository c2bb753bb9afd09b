// Rows of each benchmark as prompts, and what is wrong with rows that are not in its layout.
import { describe, expect, it } from 'vitest';
import { arcChallenge } from './arc.ts';
import type { Benchmark } from './benchmark.ts';
import { benchmarksNamed } from '../tasks.ts';
import { benchmarks } from './benchmarks.ts';
import type { RankingDocument } from './document.ts';
import { cleaned, hellaswag } from './hellaswag.ts';
import { truthfulqaMc1, truthfulqaMc2 } from './truthfulqa.ts';

const [mmlu] = benchmarksNamed(['mmlu']);
const read = (benchmark: Benchmark, fields: object): RankingDocument =>
  benchmark.document(
    { fields: fields as Record<string, unknown>, file: 'rows.jsonl', row: 7 },
    'Q: A?\nA: B.',
  );

const arcRow = { question: 'Why?', choices: { text: ['a', 'b'], label: ['1', '2'] }, answerKey: '2' };
const hellaswagRow = {
  activity_label: 'Rowing',
  ctx_a: 'A boat.',
  ctx_b: 'HE',
  endings: ['a', 'b'],
  label: '1',
};
const mmluRow = { question: ' Q\n', choices: ['w', 'x', 'y', 'z'], answer: 3 };
const truthfulRow = {
  question: 'Is it?',
  mc1_targets: { choices: ['No.', 'Yes.'], labels: [1, 0] },
  mc2_targets: { choices: ['No.', 'Yes.', 'Never.'], labels: [1, 0, 1] },
};

describe('documents', () => {
  it('of ARC', () => {
    expect(read(arcChallenge, arcRow)).toMatchObject({
      question: 'Question: Why?\nAnswer:',
      choices: ['a', 'b'],
      truth: [false, true],
      location: { file: 'rows.jsonl', row: 7 },
    });
  });

  it('of HellaSwag, with the label as the hub has it or as a number', () => {
    expect(read(hellaswag, hellaswagRow)).toMatchObject({
      question: 'Rowing: A boat. He',
      truth: [false, true],
    });
    expect(read(hellaswag, { ...hellaswagRow, label: 1 }).truth).toEqual([false, true]);
  });

  it.each([
    ['  a [title] b  ', 'a. b'],
    ['a [step] b', 'a b'],
    ['a [x\n] b', 'a [x\n] b'],
    ['a    b', 'a  b'],
    ['[a] [b] c [d', '  c [d'.replace('  ', ' ')],
    ['go [home]', 'go '],
  ])('cleans %j to %j', (text, expected) => {
    expect(cleaned(text)).toBe(expected);
  });

  it('of MMLU', () => {
    expect(read(mmlu!, mmluRow)).toMatchObject({
      question: 'Q\nA. w\nB. x\nC. y\nD. z\nAnswer:',
      choices: ['A', 'B', 'C', 'D'],
      truth: [false, false, false, true],
    });
    expect(mmlu!.parts).toHaveLength(57);
    expect(mmlu!.parts.find(({ config }) => config === 'us_foreign_policy')!.header).toBe(
      'The following are multiple choice questions (with answers) about us foreign policy.\n\n',
    );
  });

  it('of TruthfulQA', () => {
    expect(read(truthfulqaMc1, truthfulRow)).toMatchObject({
      question: 'Q: A?\nA: B.\n\nQ: Is it?\nA:',
      truth: [true, false],
    });
    expect(read(truthfulqaMc2, truthfulRow).truth).toEqual([true, false, true]);
  });

  const without = (row: object, field: string): object =>
    Object.fromEntries(Object.entries(row).filter(([name]) => name !== field));
  it.each<[string, Benchmark, object, string, string]>([
    ['no question', arcChallenge, without(arcRow, 'question'), 'question', 'no such column'],
    [
      'another spelling',
      arcChallenge,
      { ...without(arcRow, 'answerKey'), answer_key: '1' },
      'answerKey',
      '"answer_key"',
    ],
    [
      'a key that no label is',
      arcChallenge,
      { ...arcRow, answerKey: 'B' },
      'answerKey',
      'one of the labels 1, 2',
    ],
    [
      'no choices',
      arcChallenge,
      { ...arcRow, choices: { text: [], label: [] } },
      'choices.text',
      'at least one',
    ],
    ['choices as text', arcChallenge, { ...arcRow, choices: 'a|b' }, 'choices.text', 'choices is the string'],
    [
      'too few labels',
      arcChallenge,
      { ...arcRow, choices: { text: ['a'], label: [] } },
      'choices.label',
      '1 labels',
    ],
    ['no label', hellaswag, { ...hellaswagRow, label: '' }, 'label', 'from 0 to 1'],
    ['a label too high', hellaswag, { ...hellaswagRow, label: '2' }, 'label', 'from 0 to 1'],
    [
      'an ending that is no text',
      hellaswag,
      { ...hellaswagRow, endings: ['a', 1] },
      'endings[1]',
      'the number 1',
    ],
    ['three options', mmlu!, { ...mmluRow, choices: ['a', 'b', 'c'] }, 'choices', 'four choices'],
    ['an answer out of range', mmlu!, { ...mmluRow, answer: 4 }, 'answer', 'from 0 to 3'],
    ['a letter', mmlu!, { ...mmluRow, answer: 'A' }, 'answer', 'the string "A"'],
    [
      'no targets',
      truthfulqaMc2,
      without(truthfulRow, 'mc2_targets'),
      'mc2_targets.choices',
      'no such column',
    ],
    [
      'a true choice that is not the first',
      truthfulqaMc1,
      { ...truthfulRow, mc1_targets: { choices: ['a', 'b'], labels: [0, 1] } },
      'mc1_targets.labels',
      '[0,1]',
    ],
    [
      'a label that is neither',
      truthfulqaMc2,
      { ...truthfulRow, mc2_targets: { choices: ['a', 'b'], labels: [1, 2] } },
      'mc2_targets.labels[1]',
      '0 or 1',
    ],
  ])('refuse %s', (_, benchmark, row, field, words) => {
    expect(() => read(benchmark, row)).toThrow(
      expect.objectContaining({
        code: 'BENCHMARK_ROW',
        place: { file: 'rows.jsonl', row: 7, field },
        message: expect.stringContaining(words) as string,
      }) as Error,
    );
  });
});

describe('benchmarksNamed', () => {
  it('knows each once, and several by one name', () => {
    expect(new Set(benchmarks.map(({ name }) => name)).size).toBe(benchmarks.length);
    const names = benchmarksNamed(['truthfulqa', 'truthfulqa_mc2', 'mmlu_virology']).map(({ name }) => name);
    expect(names).toEqual(['truthfulqa_mc1', 'truthfulqa_mc2', 'mmlu_virology']);
    expect(() => benchmarksNamed(['gsm8k'])).toThrow('there is no task "gsm8k"');
  });
});
