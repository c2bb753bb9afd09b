// Curves in buckets against the steps themselves.
import { describe, expect, it } from 'vitest';
import { createStepTable, curvesOf } from './step-table.ts';
import type { StepTable } from './step-table.ts';

function tableOf(losses: readonly number[]): StepTable {
  const table = createStepTable();
  losses.forEach((loss, i) => table.append(i + 1, { loss, learning_rate: i, step: i + 1, loss_scale: 2 }));
  return table;
}
const wave = (count: number): number[] =>
  Array.from({ length: count }, (_, i) => Math.sin(i * 1.7) + i / count);

describe('curvesOf', () => {
  it('gives few steps as they are', () => {
    const losses = wave(30);
    const { steps, every, window, series } = curvesOf(tableOf(losses), { from: 1, to: 30, points: 500 }, 1);
    expect([every, window]).toEqual([1, 1]);
    expect(steps).toEqual(losses.map((_, i) => i + 1));
    expect(series['loss']!.line).toEqual(losses.map((loss) => Number(loss.toPrecision(6))));
    expect(series['loss']!.low).toBeNull();
    expect(Object.keys(series)).toEqual(['loss', 'learning_rate']);
  });

  it('loses no spike, wherever it is', () => {
    for (const at of [0, 17, 4095, 4096, 9_998, 9_999]) {
      const losses = wave(10_000);
      losses[at] = 99;
      losses[(at + 5000) % 10_000] = -99;
      const { series } = curvesOf(tableOf(losses), { from: 1, to: 10_000, points: 100 }, 1);
      expect(Math.max(...(series['loss']!.high as number[]))).toBe(99);
      expect(Math.min(...(series['loss']!.low as number[]))).toBe(-99);
    }
  });

  it('has no more buckets than points, each with the extremes of its steps', () => {
    const losses = wave(5000);
    const table = tableOf(losses);
    const { steps, every, series } = curvesOf(table, { from: 1, to: 5000, points: 300 }, 1);
    expect(steps.length).toBeLessThanOrEqual(300);
    steps.forEach((_, bucket) => {
      const own = losses.slice(bucket * every, (bucket + 1) * every);
      expect(series['loss']!.low![bucket]).toBeCloseTo(Math.min(...own), 5);
      expect(series['loss']!.high![bucket]).toBeCloseTo(Math.max(...own), 5);
      // What does not jump is the mean of its bucket alone.
      const middle = bucket * every + (own.length - 1) / 2;
      expect(series['learning_rate']!.line[bucket]).toBeCloseTo(middle, 2);
    });
  });

  it('averages over the neighbours that it says', () => {
    const losses = wave(400);
    const { window, every, series } = curvesOf(tableOf(losses), { from: 1, to: 400, points: 500 }, 1);
    expect([window, every]).toEqual([21, 1]);
    for (const at of [0, 5, 200, 399]) {
      const own = losses.slice(Math.max(0, at - 10), at + 11);
      expect(series['loss']!.line[at]).toBeCloseTo(own.reduce((sum, loss) => sum + loss, 0) / own.length, 5);
    }
  });

  it('keeps the buckets of a stretch while the run grows and the stretch moves', () => {
    const table = tableOf(wave(10_000));
    const before = curvesOf(table, { from: 4000, to: 6000, points: 100 }, 1);
    for (let step = 10_001; step <= 10_500; step++) table.append(step, { loss: 0 });
    const after = curvesOf(table, { from: 4100, to: 6100, points: 100 }, 2);
    const shared = before.steps.filter((step) => after.steps.includes(step));
    expect(shared.length).toBeGreaterThan(before.steps.length / 2);
    // Half as much on either side is there as well, so that a finger does not pull in nothing.
    expect(before.steps[0]).toBeLessThan(3100);
    expect(before.steps.at(-1)).toBeGreaterThan(6900);
  });

  it('leaves a gap where nothing is finite, and values around it alone', () => {
    const losses = wave(20);
    losses[10] = NaN;
    const { series } = curvesOf(tableOf(losses), { from: 1, to: 20, points: 500 }, 1);
    expect(series['loss']!.line[10]).toBeNaN();
    expect(JSON.stringify(series['loss']!.line.slice(10, 11))).toBe('[null]');
    expect(series['loss']!.line[11]).toBeCloseTo(losses[11]!, 5);
  });

  it('has nothing to show before the first step', () => {
    expect(curvesOf(createStepTable(), { from: 0, to: 0, points: 10 }, 0).steps).toEqual([]);
  });
});
