import { describe, expect, it } from 'vitest';
import type { RankingDocument } from './document.ts';
import type { Sampler } from './few-shot.ts';
import { chooseExamples } from './few-shot.ts';

const document = (name: string): RankingDocument => ({
  question: name,
  choices: ['a'],
  truth: [true],
  row: { name },
  location: { file: 'train.jsonl' },
});
const pool = ['a', 'b', 'c', 'd'].map(document);
const names = (documents: readonly RankingDocument[]): string =>
  documents.map(({ question }) => question).join('');

/** Gives what stands next in the pool, and begins again at its end. */
function inOrder(): Sampler & { readonly asked: number[] } {
  const asked: number[] = [];
  let at = 0;
  return {
    asked,
    sample: (population, count) => {
      asked.push(count);
      return Array.from({ length: count }, () => population[at++ % population.length]!);
    },
  };
}

describe('chooseExamples', () => {
  it('goes on from document to document', () => {
    const choose = chooseExamples('sample', pool, 3, inOrder());
    expect(names(choose(document('x')))).toBe('abc');
    expect(names(choose(document('a')))).toBe('dab');
  });

  it('draws one more where the document itself may be among them', () => {
    const random = inOrder();
    const choose = chooseExamples('sample-one-more', pool, 2, random);
    expect(names(choose(document('x')))).toBe('ab');
    expect(names(choose(document('a')))).toBe('db');
    expect(random.asked).toEqual([3, 3]);
  });

  it('draws again where the document is there so often that too few are left', () => {
    const random = inOrder();
    const choose = chooseExamples('sample-one-more', [...'aaab'].map(document), 2, random);
    expect(names(choose(document('a')))).toBe('bb');
    expect(random.asked).toEqual([3, 2]);
  });

  it('takes the first, and draws nothing', () => {
    const random = inOrder();
    const choose = chooseExamples('first', pool, 2, random);
    expect(names(choose(document('x')))).toBe('ab');
    expect(names(choose(document('x')))).toBe('ab');
    expect(random.asked).toEqual([]);
  });

  it('needs no rows for no examples, and enough for some', () => {
    expect(chooseExamples('sample', [], 0, inOrder())(document('x'))).toEqual([]);
    expect(() => chooseExamples('sample', pool, 5, inOrder())).toThrow('found 4');
    expect(() => chooseExamples('sample-one-more', pool, 4, inOrder())).toThrow('need 5 rows');
  });
});
