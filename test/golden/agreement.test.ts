// Agreement between people against exact fractions from Python (agreement.py).
import { readFileSync } from 'node:fs';
import { expect, it } from 'vitest';
import type { Span } from '../../src/rows/unicode.ts';
import { labelAgreement, spanAgreement } from '../../src/statistics/agreement.ts';

interface Golden {
  readonly labels: readonly {
    readonly ours: readonly string[];
    readonly theirs: readonly string[];
    readonly observed: number;
    readonly expected: number;
    readonly kappa: number | null;
  }[];
  readonly marks: readonly {
    readonly texts: readonly (readonly [readonly Span[], readonly Span[]])[];
    readonly shared: number;
    readonly ours: number;
    readonly theirs: number;
    readonly f1: number | null;
    readonly overlap: number | null;
  }[];
}
const golden = JSON.parse(readFileSync(new URL('agreement.json', import.meta.url), 'utf8')) as Golden;

const same = (found: number | null, wanted: number | null): void => {
  if (found === null || wanted === null) expect(found).toBe(wanted);
  else expect(Math.abs(found - wanted)).toBeLessThanOrEqual(1e-15);
};

it("gives Cohen's kappa", () => {
  expect(golden.labels.length).toBeGreaterThan(12);
  for (const { ours, theirs, ...wanted } of golden.labels) {
    const found = labelAgreement(ours, theirs);
    expect(found.items).toBe(ours.length);
    same(found.observed, wanted.observed);
    same(found.expected, wanted.expected);
    same(found.kappa, wanted.kappa);
  }
});

it('gives F1 and overlap of marks, however they lie over one another', () => {
  expect(golden.marks.length).toBeGreaterThan(8);
  for (const { texts, f1, overlap, ...counts } of golden.marks) {
    const found = spanAgreement(texts);
    expect(found).toMatchObject(counts);
    same(found.f1, f1);
    same(found.overlap, overlap);
    const turned = spanAgreement(texts.map(([a, b]) => [b, a]));
    expect(turned.f1).toBe(found.f1);
  }
});

it('refuses labels of different items', () => {
  expect(() => labelAgreement(['a'], [])).toThrow(RangeError);
  expect(() => labelAgreement([], [])).toThrow(RangeError);
});
