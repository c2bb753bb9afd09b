import { describe, expect, it } from 'vitest';
import type { Theme } from './palette.ts';
import { dark, heatLevel, heatLevels, light } from './palette.ts';

const linear = (channel: number): number =>
  channel <= 0.04045 ? channel / 12.92 : ((channel + 0.055) / 1.055) ** 2.4;
const rgb = (colour: string): number[] =>
  [1, 3, 5].map((at) => linear(parseInt(colour.slice(at, at + 2), 16) / 255));
const luminance = ([r, g, b]: number[]): number => 0.2126 * r! + 0.7152 * g! + 0.0722 * b!;

/** WCAG 2.2, contrast ratio. */
function contrast(a: string, b: string): number {
  const [lighter, darker] = [luminance(rgb(a)), luminance(rgb(b))].sort((x, y) => y - x) as [number, number];
  return (lighter + 0.05) / (darker + 0.05);
}

// Machado, Oliveira and Fernandes (2009), severity 1.0, on linear RGB.
const sight: Record<string, number[]> = {
  normal: [1, 0, 0, 0, 1, 0, 0, 0, 1],
  protanopia: [0.152286, 1.052583, -0.204868, 0.114503, 0.786281, 0.099216, -0.003882, -0.048116, 1.051998],
  deuteranopia: [0.367322, 0.860646, -0.227968, 0.280085, 0.672501, 0.047413, -0.01182, 0.04294, 0.968881],
  tritanopia: [1.255528, -0.076749, -0.178779, -0.078411, 0.930809, 0.147602, 0.004733, 0.691367, 0.3039],
};
const seen = (colour: string, matrix: number[]): number[] => {
  const c = rgb(colour);
  return [0, 3, 6].map((row) =>
    Math.max(
      0,
      [0, 1, 2].reduce((sum, i) => sum + matrix[row + i]! * c[i]!, 0),
    ),
  );
};
function lab([r, g, b]: number[]): number[] {
  const f = (t: number): number => (t > 0.008856 ? Math.cbrt(t) : 7.787 * t + 16 / 116);
  const x = f((0.4124 * r! + 0.3576 * g! + 0.1805 * b!) / 0.9505);
  const y = f(luminance([r!, g!, b!]));
  const z = f((0.0193 * r! + 0.1192 * g! + 0.9505 * b!) / 1.089);
  return [116 * y - 16, 500 * (x - y), 200 * (y - z)];
}

describe.each<[string, Theme]>([
  ['light', light],
  ['dark', dark],
])('the %s theme', (_, theme) => {
  it('has text of contrast 4.5 and more', () => {
    for (const ground of [theme.paper, theme.panel])
      for (const text of [theme.ink, theme.soft, theme.accent, theme.good, theme.bad])
        expect(contrast(text, ground)).toBeGreaterThanOrEqual(4.5);
    for (const ground of theme.heat) expect(contrast(theme.ink, ground)).toBeGreaterThanOrEqual(4.5);
  });

  it('has marks of contrast 3 and more', () => {
    for (const mark of [...theme.series, theme.reference])
      expect(contrast(mark, theme.paper)).toBeGreaterThanOrEqual(3);
  });

  it.each(Object.entries(sight))('has series that differ under %s', (_, matrix) => {
    const labs = theme.series.map((colour) => lab(seen(colour, matrix)));
    labs.forEach((a, i) =>
      labs.slice(0, i).forEach((b) => {
        expect(Math.hypot(...a.map((value, k) => value - b[k]!))).toBeGreaterThan(20);
      }),
    );
  });

  it('has a colour a heat level', () => {
    expect(theme.heat).toHaveLength(heatLevels.length + 1);
  });
});

it('heat levels have no change in the middle', () => {
  expect([-50, -Math.log(3), 0, Math.log(1.09), Math.log(1.11), 50].map(heatLevel)).toEqual([
    0, 1, 5, 5, 6, 10,
  ]);
});

it('the ratios that are common have colours of their own, as strong in one direction as in the other', () => {
  const level = (ratio: number): number => heatLevel(Math.log(ratio));
  expect([1.2, 1.35, 1.7, 3, 5].map(level)).toEqual([6, 7, 8, 9, 10]);
  for (const ratio of [1.05, 1.2, 1.35, 1.54, 1.71, 3, 5, 100])
    expect(level(1 / ratio), `${ratio}`).toBe(light.heat.length - 1 - level(ratio));
});
