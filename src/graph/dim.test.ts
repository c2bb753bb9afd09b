// Symbolic sizes obey the laws of integer polynomials, and evaluate as they read.
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Dim } from './dim.ts';
import { addDims, dim, dimKey, formatShape, mulDims, sameDim, sameShape } from './dim.ts';
import { evaluate } from './gradient-check.test-helper.ts';

const names = ['a', 'b', 'seq'] as const;

/** A polynomial together with what it should evaluate to. */
interface Sized {
  readonly dim: Dim;
  readonly value: (sizes: Record<string, number>) => number;
}

const polynomial: fc.Arbitrary<Sized> = fc.letrec<{ tree: Sized }>((tie) => ({
  tree: fc.oneof(
    { depthSize: 'small', withCrossShrink: true },
    fc.integer({ min: -3, max: 4 }).map((n): Sized => ({ dim: n, value: () => n })),
    fc.constantFrom(...names).map((name): Sized => ({ dim: dim(name), value: (sizes) => sizes[name]! })),
    fc.tuple(tie('tree'), tie('tree')).map(([a, b]): Sized => ({
      dim: addDims(a.dim, b.dim),
      value: (sizes) => a.value(sizes) + b.value(sizes),
    })),
    fc.tuple(tie('tree'), tie('tree')).map(([a, b]): Sized => ({
      dim: mulDims(a.dim, b.dim),
      value: (sizes) => a.value(sizes) * b.value(sizes),
    })),
  ),
})).tree;

const sizes = fc.record({ a: fc.nat(9), b: fc.nat(9), seq: fc.nat(9) });

describe('symbolic sizes', () => {
  it('evaluate as the expression that made them', () => {
    fc.assert(
      fc.property(polynomial, sizes, (p, at) => {
        // + 0 turns a minus zero into a zero.
        expect(evaluate([p.dim], at)[0]! + 0).toBe(p.value(at) + 0);
      }),
      { seed: 7, numRuns: 300 },
    );
  });

  it('are equal exactly when they evaluate alike', () => {
    // Polynomials of degree 4 at most in each of three unknowns agree everywhere if they agree on this grid.
    const grid = [0, 1, 2, 3, 5, 7].flatMap((a) =>
      [0, 1, 2, 4, 6].flatMap((b) => [0, 1, 3, 5, 8].map((seq) => ({ a, b, seq }))),
    );
    fc.assert(
      fc.property(polynomial, polynomial, (p, q) => {
        const alike = grid.every((at) => p.value(at) === q.value(at));
        expect(sameDim(p.dim, q.dim)).toBe(alike);
        expect(dimKey(p.dim) === dimKey(q.dim)).toBe(alike);
      }),
      { seed: 7, numRuns: 500 },
    );
  });

  it('add and multiply commutatively, associatively and distributively', () => {
    fc.assert(
      fc.property(polynomial, polynomial, polynomial, ({ dim: p }, { dim: q }, { dim: r }) => {
        expect(dimKey(addDims(p, q))).toBe(dimKey(addDims(q, p)));
        expect(dimKey(mulDims(p, q))).toBe(dimKey(mulDims(q, p)));
        expect(dimKey(addDims(addDims(p, q), r))).toBe(dimKey(addDims(p, addDims(q, r))));
        expect(dimKey(mulDims(mulDims(p, q), r))).toBe(dimKey(mulDims(p, q, r)));
        expect(dimKey(mulDims(p, addDims(q, r)))).toBe(dimKey(addDims(mulDims(p, q), mulDims(p, r))));
        expect(dimKey(addDims(p, 0))).toBe(dimKey(p));
        expect(dimKey(mulDims(p, 1))).toBe(dimKey(p));
        expect(mulDims(p, 0)).toBe(0);
        expect(addDims(p, mulDims(-1, p))).toBe(0);
      }),
      { seed: 7, numRuns: 200 },
    );
  });

  it('become plain numbers where the names cancel', () => {
    const n = dim('n');
    expect(addDims(addDims(n, 3), mulDims(-1, n))).toBe(3);
    expect(mulDims()).toBe(1);
    expect(mulDims(2, 3)).toBe(6);
  });

  it('read as they would be written', () => {
    const [batch, seq] = [dim('batch'), dim('seq')];
    expect(formatShape([batch, mulDims(2, seq), 64])).toBe('[batch, 2*seq, 64]');
    expect(formatShape([addDims(mulDims(batch, seq), 1)])).toBe('[1+batch*seq]');
    expect(formatShape([])).toBe('[]');
    expect(sameShape([seq, 1], [dim('seq'), 1])).toBe(true);
    expect(sameShape([seq, 1], [seq])).toBe(false);
    expect(sameShape([seq], [batch])).toBe(false);
  });

  it('have names that ONNX and people can read', () => {
    expect(() => dim('2n')).toThrow(/"2n" is not a name/);
    expect(() => dim('')).toThrow(/not a name/);
    expect(() => dim('a*b')).toThrow(/not a name/);
  });
});
