// What a model's reply says of an answer, whether it was trained to judge or not.
import { expect, it } from 'vitest';
import { judgmentOf } from './model-judge.ts';

it.each([
  ['Perfect.\nGood.', null],
  ['Good.', null],
  ['The capital is not Aarhus.\nNo.', 'The capital is not Aarhus.'],
  ['The capital is not Aarhus.', undefined],
  ['', undefined],
])('a trained judge that writes %j', (reply, judgment) => {
  expect(judgmentOf(reply, true)).toBe(judgment);
});

it.each([
  ['Perfect.', null],
  ['The capital is not Aarhus.', 'The capital is not Aarhus.'],
  [' ', undefined],
])('a model that was not trained and writes %j', (reply, judgment) => {
  expect(judgmentOf(reply, false)).toBe(judgment);
});
