import { describe, expect, it } from 'vitest';
import { labelOf, labelReason } from './triplet.ts';

describe('the label rule', () => {
  it.each([
    [null, undefined, 'no-judgment'],
    ['', undefined, 'no-judgment'],
    [' \n\t', undefined, 'no-judgment'],
    ['Perfect', undefined, 'begins-with-perfect'],
    ['perfect.', undefined, 'begins-with-perfect'],
    ['  PERFECT! Nothing to add.', undefined, 'begins-with-perfect'],
    ['Perfect, although the second line is off.', undefined, 'begins-with-perfect'],
    ['Perfectly wrong.', undefined, 'judgment'],
    ['Perfecté', undefined, 'judgment'],
    ['Perfect_ion', undefined, 'judgment'],
    ['Imperfect.', undefined, 'judgment'],
    ['The response is perfect.', undefined, 'judgment'],
    ['Wrong sum.', 7, 'score'],
    ['Wrong sum.', 9.5, 'score'],
    ['Wrong sum.', 6.99, 'judgment'],
    ['Perfect.', 2, 'begins-with-perfect'],
    [null, 2, 'no-judgment'],
    [null, 8, 'score'],
  ] as const)('%j with score %j: %s', (judgment, score, reason) => {
    const triplet = { judgment, ...(score !== undefined && { score }) };
    expect(labelReason(triplet)).toBe(reason);
    expect(labelOf(triplet)).toBe(reason === 'judgment' ? 'align-n' : 'align-p');
  });
});
