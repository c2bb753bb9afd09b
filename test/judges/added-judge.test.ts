// A kind of judge that is added from outside, through the public interface only.
import { expect, it } from 'vitest';
import { addJudge, openComparer, openJudge } from '../../src/judges/index.ts';
import type { Comparison, Judge, JudgeKind, JudgeRequest, Outcome } from '../../src/judges/index.ts';

/** Misses a word in responses. */
const wanting = (word: string): Judge => {
  let calls = 0;
  return {
    name: `the word ${word}`,
    fingerprint: `word:${word}`,
    judge: async (requests, { onOutcome }) => {
      for (const { id, output } of requests) {
        calls++;
        await onOutcome({ id, judgment: output.includes(word) ? null : `It does not say "${word}".` });
      }
    },
    usage: () => ({ calls, cached: 0, inputTokens: 0, outputTokens: 0, cost: null }),
    close: () => Promise.resolve(),
  };
};
const mine: JudgeKind = {
  name: 'mine',
  form: 'mine:WORD',
  what: 'responses have to say a word',
  example: 'mine:please',
  named: (spec) =>
    spec.startsWith('mine:')
      ? { absolute: spec, open: () => Promise.resolve(wanting(spec.slice('mine:'.length))) }
      : null,
};

it('is opened, compares by its verdicts, and is listed', async () => {
  addJudge(mine);
  const requests: JudgeRequest[] = [
    { id: 'a', instruction: 'Ask.', output: 'Tea, please.' },
    { id: 'b', instruction: 'Ask.', output: 'Tea.' },
  ];
  const judge = await openJudge('mine:please');
  const outcomes: Outcome[] = [];
  // eslint-disable-next-line @typescript-eslint/require-await
  await judge.judge(requests, { onOutcome: async (outcome) => void outcomes.push(outcome) });
  expect(outcomes).toEqual([
    { id: 'a', judgment: null },
    { id: 'b', judgment: 'It does not say "please".' },
  ]);

  const comparer = await openComparer('mine:please');
  const comparisons: Comparison[] = [];
  const pair = { id: 'p', instruction: 'Ask.', output_1: 'Tea.', output_2: 'Tea, please.' };
  // eslint-disable-next-line @typescript-eslint/require-await
  await comparer.compare([pair], { onComparison: async (each) => void comparisons.push(each) });
  expect(comparisons).toEqual([{ id: 'p', preference: 2 }]);

  await expect(openComparer('mine:please', {}, 'pairs')).rejects.toMatchObject({ code: 'INVALID_OPTION' });
  await expect(openJudge('theirs:please')).rejects.toThrow(/mine:WORD +responses have to say a word/);
  expect(() => addJudge(mine)).toThrow('already');
});
