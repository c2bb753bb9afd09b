import { describe, expect, it } from 'vitest';
import type { BarFigure } from './bar-figure.ts';
import { barFigure } from './bar-figure.ts';
import type { LineFigure } from './line-figure.ts';
import { lineFigure } from './line-figure.ts';
import { hostile } from './sample.test-helper.ts';

/** Fails unless every element is closed in order; returns the names of all elements. */
export function elementsOf(xml: string): string[] {
  const [open, all]: [string[], string[]] = [[], []];
  for (const [, close, name, , empty] of xml.matchAll(/<(\/?)([a-z]+)((?:[^<>"]|"[^"<]*")*?)(\/?)>/gi)) {
    if (close) expect(open.pop()).toBe(name);
    else {
      all.push(name!);
      if (!empty) open.push(name!);
    }
  }
  expect(open).toEqual([]);
  return all;
}

/** x of every element that the pattern finds, in order. */
const numbers = (svg: string, pattern: RegExp): number[] =>
  [...svg.matchAll(pattern)].map(([, x]) => Number(x));

const bars: BarFigure = {
  title: 'Success & failure',
  value: { label: 'success rate', format: 'percent', domain: [0, 1] },
  series: [{ name: 'before', reference: true }, { name: 'after' }],
  groups: [
    { name: 'one', values: [{ value: 0.25, low: 0.2, high: 0.3 }, { value: 0.5 }] },
    { name: hostile, values: [null, { value: 1 }] },
  ],
};

const lines: LineFigure = {
  title: 'By amount of data',
  x: { label: 'triplets', log: true, ticks: [100, 1000, 10000] },
  y: { label: 'success rate', format: 'percent', domain: [0, 1] },
  references: [{ name: 'base model', y: 0.3 }],
  series: [
    {
      name: 'CUT',
      points: [
        { x: 100, y: 0.5, low: 0.4, high: 0.6 },
        { x: 1000, y: 0.7, low: 0.6, high: 0.8 },
        { x: 10000, y: 0.71 },
      ],
    },
    { name: hostile, points: [{ x: 100, y: 0.4 }, { x: 1000, y: null }, { x: 10000, y: 0.7 }, { x: 0, y: 0.1 }] },
  ],
}; // prettier-ignore

describe('barFigure', () => {
  it('is a well-formed file with title, light and dark, and nothing from elsewhere', () => {
    const svg = barFigure(bars);
    expect(elementsOf(svg)).toContain('title');
    expect(svg).toMatch(/^<svg xmlns="http:\/\/www.w3.org\/2000\/svg"/);
    expect(svg).toContain('prefers-color-scheme:dark');
    expect(svg.replace('http://www.w3.org/2000/svg', '')).not.toMatch(/https?:|url\(|@import|var\(/);
    expect(svg).toContain('Success &amp; failure');
    expect(svg).not.toContain('<script');
  });

  it('draws lengths in proportion, and a whisker where there is an interval only', () => {
    const svg = barFigure(bars, { standalone: false });
    const widths = numbers(svg, /<rect class="fill-\d" x="[\d.]+" y="[\d.]+" width="([\d.]+)" height="11"/g);
    expect(widths).toHaveLength(3);
    expect(widths[1]! / widths[0]!).toBeCloseTo(2, 1);
    expect(widths[2]! / widths[0]!).toBeCloseTo(4, 1);
    expect(svg.match(/class="whisker"/g)).toHaveLength(1);
    expect(svg).not.toContain('<style');
  });

  it('names the estimates and the ticks', () => {
    const svg = barFigure(bars);
    for (const text of ['25.0%', '50.0%', '100.0%', '>0%<', '>60%<', 'success rate', '>before<'])
      expect(svg).toContain(text);
  });

  it('takes no groups and negative values', () => {
    elementsOf(barFigure({ ...bars, groups: [] }));
    const svg = barFigure({ ...bars, value: { label: 'points' }, groups: [{ name: 'a', values: [{ value: -3 }, { value: 4 }] }] }); // prettier-ignore
    expect(svg).not.toContain('NaN');
    expect(numbers(svg, /width="(-[\d.]+)"/g)).toEqual([]);
  });

  it.each([328, 640, 1000])('stays within its width at %i', (width) => {
    const svg = barFigure({ ...bars, width }, { standalone: false });
    for (const x of numbers(svg, / x="([\d.]+)"/g)) expect(x).toBeLessThanOrEqual(width);
  });
});

describe('lineFigure', () => {
  it('is a well-formed file', () => {
    const svg = lineFigure(lines);
    elementsOf(svg);
    expect(svg).not.toMatch(/NaN|undefined|<script/);
  });

  it('spaces decades evenly on a logarithmic axis', () => {
    const at = numbers(lineFigure(lines), /x="([\d.]+)" y="\d+" text-anchor="middle">[\d,]+</g);
    expect(at).toHaveLength(3);
    expect(at[2]! - at[1]!).toBeCloseTo(at[1]! - at[0]!, 0);
  });

  it('breaks a line at a value that is missing, and leaves out what a logarithm does not know', () => {
    const svg = lineFigure(lines);
    const [whole, broken] = [...svg.matchAll(/<path class="line-[12]" d="(M[^"V]+)"/g)].map(([, d]) => d!).filter((d) => d.includes('L') || d.lastIndexOf('M') > 0);
    expect(whole!.match(/M/g)).toHaveLength(1);
    expect(broken!.match(/M/g)).toHaveLength(2);
    expect(svg.match(/class="marker/g)).toHaveLength(5 + 2); // two in the legend
  }); // prettier-ignore

  it('draws whiskers or a band', () => {
    const svg = lineFigure(lines);
    expect(svg.match(/class="line-1" d="M[\d. ]+V/g)).toHaveLength(2);
    const banded = lineFigure({ ...lines, series: lines.series.map((one) => ({ ...one, spread: 'band' })) });
    expect(banded.match(/<path class="band-1"/g)).toHaveLength(1);
  });

  it('names lines in a legend where their ends lie too close for names', () => {
    const ending = (...ends: number[]): string =>
      lineFigure({
        title: 't',
        x: { label: 'x' },
        y: { label: 'y' },
        series: ends.map((end, i) => ({ name: `line ${i}`, points: [{ x: 0, y: 1 }, { x: 1, y: end }] })),
      }); // prettier-ignore
    // A name at its line's end stands right of it; in the legend it follows a key of a line.
    const keyed = (svg: string): boolean => svg.includes('d="M0 6H18"');
    expect(keyed(ending(0.1, 0.5, 0.9))).toBe(false);
    expect(keyed(ending(0.1, 0.11, 0.9))).toBe(true);
    expect(keyed(ending(0.02, 0.03, 0.01))).toBe(true);
  });

  it('has plots of one size in figures side by side', () => {
    const plot = (y: number, names: readonly string[], label: string): string =>
      /<line class="axis" x1="([\d.]+)" x2="([\d.]+)" y1/.exec(
        lineFigure({
          title: 't', x: { label: 'x' }, y: { label }, names: 'legend', frame: { left: 60, top: 34 }, width: 364,
          series: names.map((name) => ({ name, points: [{ x: 0, y: 0 }, { x: 1, y }] })),
        }),
      )!.slice(1, 3).join(); // prettier-ignore
    expect(
      new Set([plot(1, ['a', 'b', 'c'], ''), plot(0.0004, ['a'], ''), plot(30, ['a'], 'share')]).size,
    ).toBe(1);
  });

  it('keeps names at the ends of lines apart', () => {
    const close = [0.5, 0.501, 0.502, 0.503].map((y, i) => ({ name: `s${i}`, points: [{ x: 1, y }, { x: 2, y }] }));
    const svg = lineFigure({ ...lines, references: [], x: { label: 'x' }, series: close, names: 'direct' });
    const at = numbers(svg, /y="([\d.]+)">s\d</g).sort((a, b) => a - b);
    expect(at).toHaveLength(4);
    for (let i = 1; i < 4; i++) expect(at[i]! - at[i - 1]!).toBeGreaterThanOrEqual(14);
  }); // prettier-ignore

  it('takes no series, one point and equal values', () => {
    for (const points of [[], [{ x: 3, y: 3 }], [{ x: 1, y: 0 }, { x: 2, y: 0 }], [{ x: 1, y: null }]])
      expect(lineFigure({ ...lines, references: [], y: { label: 'y' }, series: [{ name: 'a', points }] })).not.toContain('NaN');
    elementsOf(lineFigure({ ...lines, series: [] }));
  }); // prettier-ignore
});
