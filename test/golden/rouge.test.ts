// ROUGE scores against rouge-score's, and the stemmer against NLTK's, to the last bit.
import { readFileSync } from 'node:fs';
import { expect, it } from 'vitest';
import type { RougeScores, RougeType } from '../../src/evaluation/rouge/index.ts';
import { porterStem, rouge } from '../../src/evaluation/rouge/index.ts';

const types = ['rouge1', 'rouge2', 'rouge3', 'rougeL', 'rougeLsum'] as const satisfies RougeType[];
type Wanted = Record<(typeof types)[number], [precision: number, recall: number, f: number]>;

const golden = JSON.parse(readFileSync(new URL('rouge.json', import.meta.url), 'utf8')) as {
  readonly stems: Readonly<Record<string, string>>;
  readonly pairs: readonly { reference: string; response: string; plain: Wanted; stemmed: Wanted }[];
};

const listed = (scores: RougeScores<(typeof types)[number]>): Wanted =>
  Object.fromEntries(
    types.map((type) => [type, [scores[type].precision, scores[type].recall, scores[type].f]]),
  ) as Wanted;

it('stems as NLTK does', () => {
  const words = Object.keys(golden.stems);
  expect(words.length).toBeGreaterThan(900);
  expect(Object.fromEntries(words.map((word) => [word, porterStem(word)]))).toEqual(golden.stems);
});

it('scores as rouge-score does, without and with stems', () => {
  expect(golden.pairs.length).toBeGreaterThan(60);
  for (const { reference, response, plain, stemmed } of golden.pairs) {
    expect(listed(rouge(reference, response, { types })), `${reference} | ${response}`).toEqual(plain);
    expect(listed(rouge(reference, response, { types, stem: true })), `${reference} | ${response}`).toEqual(
      stemmed,
    );
  }
});
