import { describe, expect, it } from 'vitest';
import type { Subject } from '../subject/subject.ts';
import { rougeTask } from './rouge-task.ts';

const rows = [
  { instruction: 'Summarize.', input: 'The cat sat on the mat all day.', reference: 'A cat sat.' },
  { instruction: 'Summarize.', input: 'It rained.', reference: 'Rain fell.' },
];
const subject: Subject = {
  logLikelihoods: () => Promise.reject(new Error('not asked for')),
  respond: (prompts) =>
    Promise.resolve(prompts.map(({ input }) => ({ text: input!.slice(4, 11), finished: true, tokens: 2 }))),
  local: null,
  close: () => Promise.resolve(),
};
const task = rougeTask({
  references: { file: 'r.jsonl', digest: 'd', rows },
  ...{ template: 'alpaca', stem: false, limit: null, bootstrap: { resamples: 50, seed: 1 } },
  generation: { maxNewTokens: 8, temperature: 0, topP: 1, seed: 0 },
});

describe('rougeTask', () => {
  it('scores responses against references', async () => {
    const results: object[] = [];
    await task.measure(subject, ['0', '1'], {
      signal: new AbortController().signal,
      onResult: (id, result) => void (results[Number(id)] = result),
    });
    expect(results).toEqual([{ output: 'cat sat' }, { output: 'ained.' }]);
    const figures = task.figures(results);
    expect(figures.slice(0, 4).map(({ metric }) => metric)).toEqual([
      'rouge1',
      'rouge2',
      'rougeL',
      'rougeLsum',
    ]);
    // Two of two words are in the reference of three, none in the other.
    expect(figures[0]).toMatchObject({ value: 0.4, scores: [0.8, 0], scored: 2, total: 2 });
    expect(figures.find(({ metric }) => metric === 'rouge1_recall')).toMatchObject({
      value: 1 / 3,
      detail: true,
    });
    expect(task.remarks!(results)).toEqual([
      expect.stringMatching(/^95% bootstrap intervals of F: rouge1 \[0\.0, 80\.0\]/) as string,
    ]);
  });

  it('keeps a response while its prompt stays the same', () => {
    const other = rougeTask({
      references: {
        file: 's.jsonl',
        digest: 'e',
        rows: [
          { ...rows[0]!, reference: 'Other.' },
          { ...rows[1]!, input: 'x' },
        ],
      },
      ...{ template: 'alpaca', stem: true, limit: null },
      generation: { maxNewTokens: 8, temperature: 0, topP: 1, seed: 0 },
    });
    expect(other.items[0]).toEqual(task.items[0]);
    expect(other.items[1]!.key).not.toBe(task.items[1]!.key);
  });
});
