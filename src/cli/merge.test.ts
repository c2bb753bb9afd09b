import { expect, it } from 'vitest';
import { describeCheck } from './merge.ts';

const check = {
  dtype: 'BF16' as const,
  tokens: 188,
  meanDifference: 0.0089,
  maxDifference: 0.0718,
  tolerance: 0.05,
  adapterEffect: 1.83,
  carriedShare: 0.998,
};
const plain = (text: string): string => text;

it('states difference, allowance and what the adapter does at all', () => {
  expect(describeCheck(check, plain)).toEqual([
    "checked: log-probs of 188 tokens differ from the unmerged pair's by 0.0089 nats on average",
    '         (at most 0.05 is allowed in BF16), 0.072 at the worst token; the adapter moves them by 1.8',
  ]);
});

it('warns where rounding is as large as what the adapter does', () => {
  const blurred = { ...check, adapterEffect: 0.01, carriedShare: 0.4 };
  expect(describeCheck(blurred, plain).at(-1)).toMatch(
    /^note rounding to BF16 leaves 40% of what this adapter does/,
  );
});

it('has nothing to warn of where the adapter does nothing', () => {
  const idle = { ...check, meanDifference: 0, maxDifference: 0, adapterEffect: 0 };
  expect(describeCheck(idle, plain).join()).not.toContain('note');
});
