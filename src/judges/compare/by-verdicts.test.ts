import { describe, expect, it } from 'vitest';
import { compareByVerdicts } from './by-verdicts.ts';
import type { Comparison, PairRequest } from '../comparer.ts';
import { scriptedJudge } from '../scripted-judge.test-helper.ts';

const pair = (id: string, output_1: string, output_2: string): PairRequest => ({
  ...{ id, instruction: 'Name a prime.', output_1, output_2 },
});

async function compareAll(
  comparer: ReturnType<typeof compareByVerdicts>,
  pairs: readonly PairRequest[],
): Promise<Comparison[]> {
  const heard: Comparison[] = [];
  await comparer.compare(pairs, {
    onComparison: async (each) => void heard.push(await Promise.resolve(each)),
  });
  return heard.sort((a, b) => (a.id < b.id ? -1 : 1));
}

const prime = (): ReturnType<typeof scriptedJudge> =>
  scriptedJudge(({ output }) =>
    output === '?'
      ? { unscored: 'no idea' }
      : ['2', '3', '5'].includes(output)
        ? null
        : `${output} is no prime.`,
  );

describe('compareByVerdicts', () => {
  it('lets satisfactory beat unsatisfactory, and is undecided between equals', async () => {
    const judge = prime();
    const pairs = [pair('a', '3', '4'), pair('b', '4', '3'), pair('c', '3', '5'), pair('d', '4', '6')];
    expect(await compareAll(compareByVerdicts(judge), pairs)).toEqual([
      { id: 'a', preference: 1 },
      { id: 'b', preference: 2 },
      { id: 'c', preference: 1.5 },
      { id: 'd', preference: 1.5 },
    ]);
    expect(judge.asked).toHaveLength(4);
  });

  it('asks about a response once, whichever call it comes in, unless it was unscored', async () => {
    const judge = prime();
    const comparer = compareByVerdicts(judge);
    await compareAll(comparer, [pair('a', '3', '4')]);
    expect(await compareAll(comparer, [pair('b', '3', '4'), pair('c', '3', '?')])).toEqual([
      { id: 'b', preference: 1 },
      { id: 'c', unscored: 'the second response: no idea' },
    ]);
    await compareAll(comparer, [pair('d', '?', '3')]);
    expect(judge.asked).toHaveLength(4);
  });

  it('compares a response with itself', async () => {
    expect(await compareAll(compareByVerdicts(prime()), [pair('a', '3', '3')])).toEqual([
      { id: 'a', preference: 1.5 },
    ]);
  });
});
