// Rotary frequencies against the formulas, and the tables as the graph computes them.
import { expect, it } from 'vitest';
import { expectClose, numbersOf, openSession, toOrt } from '../graph/gradient-check.test-helper.ts';
import { dim, emit, input } from '../graph/index.ts';
import type { Rope, RopeScaling } from './rope-config.ts';
import { inverseFrequencies, rotaryTables } from './rope.ts';

const rope = (dims: number, scaling: RopeScaling, theta = 10000): Rope => ({ dims, theta, scaling });

it('turns pair i by theta^(-2i/d) radians a position', () => {
  expectClose(inverseFrequencies(rope(8, { type: 'none' })), [1, 0.1, 0.01, 0.001], 1e-8, 'plain');
  expectClose(inverseFrequencies(rope(4, { type: 'linear', factor: 4 })), [0.25, 0.0025], 1e-8, 'linear');
});

it('rounds as PyTorch does in single precision', () => {
  // 1.0 / (500000.0 ** (torch.arange(0, 64, 2).float() / 64)) of torch 2.13, every fifth.
  const torch = [
    1.0, 0.12868738174438477, 0.016560440883040428, 0.002131119603291154, 0.00027424818836152554,
    3.529227615217678e-5, 4.541670477919979e-6,
  ];
  const frequencies = inverseFrequencies(rope(64, { type: 'none' }, 500000));
  expect(frequencies.filter((_, i) => i % 5 === 0)).toEqual(torch);
});

it('keeps, blends or stretches a frequency by its wavelength, as Llama 3.1 does', () => {
  const scaling = {
    type: 'llama3',
    factor: 8,
    lowFreqFactor: 1,
    highFreqFactor: 4,
    originalMaxPositions: 64,
  } as const;
  const plain = inverseFrequencies(rope(16, { type: 'none' }, 500));
  const scaled = inverseFrequencies(rope(16, scaling, 500));
  const seen = new Set<string>();
  scaled.forEach((frequency, i) => {
    const wavelength = (2 * Math.PI) / plain[i]!;
    if (wavelength < 64 / 4) {
      seen.add('kept');
      expect(frequency).toBe(plain[i]);
    } else if (wavelength > 64) {
      seen.add('stretched');
      expect(frequency / (plain[i]! / 8)).toBeCloseTo(1, 6);
    } else {
      seen.add('blended');
      const smooth = (64 / wavelength - 1) / (4 - 1);
      const blend = ((1 - smooth) * plain[i]!) / 8 + smooth * plain[i]!;
      expect(frequency / blend).toBeCloseTo(1, 6);
    }
  });
  expect(seen).toEqual(new Set(['kept', 'blended', 'stretched']));
});

it.each(['int32', 'int64'] as const)('tabulates cosines and sines of %s positions', async (dtype) => {
  const halved = rope(6, { type: 'linear', factor: 2 });
  const session = await openSession(emit({ ...rotaryTables(halved, input('p', dtype, [dim('n')])) }).bytes);
  const positions = [0, 1, 5, 2047];
  const { cos, sin } = await session.run({
    p: toOrt(dtype, { shape: [4], data: Float64Array.from(positions) }),
  });
  await session.release();
  const angles = positions.flatMap((p) => inverseFrequencies(halved).map((f) => p * f));
  expect(cos!.dims).toEqual([4, 3]);
  // A float32 angle of 1000 radians is known to 3e-5.
  expectClose(numbersOf(cos!), angles.map(Math.cos), 1e-4, 'cos');
  expectClose(numbersOf(sin!), angles.map(Math.sin), 1e-4, 'sin');
});
