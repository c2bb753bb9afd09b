// The gated activation against the formula and finite differences, and what it recomputes.
import { describe, expect, it } from 'vitest';
import { map } from '../graph/arrays.test-helper.ts';
import type { GradientCase } from '../graph/gradient-check.test-helper.ts';
import { checkGradient } from '../graph/gradient-check.test-helper.ts';
import { add, emit, geluTanh, input, mul, silu, tanh } from '../graph/index.ts';
import { gatedUnit } from './gated-unit.ts';

const activations = [
  ['silu', silu, (x: number): number => x / (1 + Math.exp(-x)), 'float32'],
  [
    'geluTanh',
    geluTanh,
    (x: number): number => 0.5 * x * (1 + Math.tanh(Math.sqrt(2 / Math.PI) * (x + 0.044715 * x ** 3))),
    'float64',
  ],
  ['tanh', tanh, Math.tanh, 'float64'],
] as const;

describe.each(activations)('gatedUnit with %s', (_, op, f, dtype) => {
  const gated: GradientCase = {
    inputs: ['rows width', 'rows width'],
    trace: ([gate, up]) => gatedUnit(gate!, up!, op).value,
    reference:
      () =>
      ([gate, up]) =>
        map((g, u) => f(g) * u, gate!, up!),
    dtype,
    runs: 12,
  };

  it('agrees with the formula and finite differences', async () => {
    await checkGradient(gated);
  });

  it('gives the same value again, as a value of its own', async () => {
    await checkGradient({
      ...gated,
      trace: ([gate, up]) => {
        const unit = gatedUnit(gate!, up!, op);
        return add(mul(unit.value, 0.25), mul(unit.again(), 0.75));
      },
    });
    const unit = gatedUnit(input('gate', 'float32', [2, 3]), input('up', 'float32', [2, 3]), silu);
    expect(emit({ once: unit.value, twice: unit.again(), thrice: unit.again() }).nodeCount).toBe(2 + 2 + 3);
  });
});
