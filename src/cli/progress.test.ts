import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import type { StepRecord } from '../alignment/metrics.ts';
import { createLine, fitLine, formatDuration, stepStanding } from './progress.ts';
import type { Line, LineSettings } from './progress.ts';

const record = (step: number): StepRecord => ({
  step,
  epoch: step / 10,
  loss: 2.5,
  parts: { l1: 1, l2: 1.5 },
  flaggedFraction: 0.125,
  flags: true,
  learningRate: 1e-4,
  gradNorm: 1,
  responseTokens: 100,
  tokensPerSecond: 50,
});

interface Opened extends Line {
  readonly read: () => string;
  readonly pass: (milliseconds: number) => void;
}

/** A line on a terminal, or in a pipe where there are no columns, with a clock that the test turns. */
function open(columns: number | null, settings: Partial<LineSettings> = {}): Opened {
  let text = '';
  const output = {
    write: (piece: string) => (text += piece),
    isTTY: columns !== null,
    ...(columns !== null && { columns }),
  };
  const line = createLine({ output, now: () => Date.now(), env: {}, ...settings });
  return { ...line, read: () => text, pass: (milliseconds) => vi.advanceTimersByTime(milliseconds) };
}

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

describe('on a terminal', () => {
  const count = (line: Opened, from: number, to: number, each: number, step = 1): void => {
    for (let done = from; done <= to; done += step) {
      line.show({ what: 'row', done, total: 100 });
      line.pass(each);
    }
  };

  it('is rewritten in place and never wider than it', () => {
    const line = open(48);
    line.show({ what: 'step', done: 0, total: 100 });
    for (let step = 1; step <= 6; step++) {
      line.pass(1000);
      line.show(stepStanding(record(step), 100));
    }
    line.end();
    const shown = line.read().split('\r').slice(1);
    expect(shown.length).toBeGreaterThanOrEqual(5);
    for (const each of shown) {
      const visible = each.replace('\x1b[K', '').replace('\n', '');
      expect(visible.length).toBeLessThan(48);
      expect(visible).toMatch(/^step +\d\/100 {2}loss 2\.5000 .* left$/);
    }
    expect(line.read().endsWith('\n')).toBe(true);
  });

  it('is not there for what is over within two seconds', () => {
    const line = open(80);
    count(line, 0, 100, 19);
    line.end();
    expect(line.read()).toBe('');
  });

  it('is there after two seconds of silence', () => {
    const line = open(80);
    line.show({ what: 'row', done: 0, total: 100 });
    line.pass(1999);
    expect(line.read()).toBe('');
    line.pass(1);
    expect(line.read()).toBe('\rrow   0/100\x1b[K');
  });

  it.each([0, undefined])('has the usual width where the terminal reports %s columns', (columns) => {
    const output = { write: vi.fn(), isTTY: true, ...(columns !== undefined && { columns }) };
    const line = createLine({ output, now: () => Date.now(), env: {} });
    line.show({ what: 'row', done: 1, total: 9, details: ['x'.repeat(60), 'y'.repeat(60)] });
    vi.advanceTimersByTime(2000);
    expect(output.write.mock.calls).toEqual([[`\rrow 1/9  ${'y'.repeat(60)}\x1b[K`]]);
  });

  it('makes room for other words', () => {
    const line = open(100);
    line.wipe();
    expect(line.read()).toBe('');
    count(line, 0, 3, 1000);
    const before = line.read();
    line.wipe();
    line.redraw();
    expect(line.read().slice(before.length)).toBe('\r\x1b[K\rrow   3/100  1m 37s left\x1b[K');
  });

  it('leaves what was counted before, and begins anew', () => {
    const line = open(100);
    count(line, 0, 100, 100, 4);
    line.show({ what: 'other', done: 0, total: 7 });
    line.pass(2500);
    line.end();
    expect(line.read().endsWith('row 100/100  done\x1b[K\n\rother 0/7\x1b[K\n')).toBe(true);
  });

  it('says megabytes of bytes, and nothing of the rest where nobody knows how much there is', () => {
    const line = open(100);
    const show = (done: number, total: number | null): void =>
      line.show({ what: 'reading', done, total, unit: 'bytes', details: ['a\x1b[2Jb'] });
    show(0, 4e6);
    line.pass(3000);
    show(1e6, 4e6);
    expect(line.read()).toContain('reading 1.0/4.0 MB  a␛[2Jb  9s left');
    line.end();
    show(1e6, null);
    line.pass(2000);
    expect(line.read()).toContain('\rreading 1.0 MB  a␛[2Jb\x1b[K');
  });
});

describe('where a line cannot be written again', () => {
  const run = (line: Opened, each: number): string[] => {
    for (let step = 0; step <= 100; step++) {
      line.show({ what: 'row', done: step, total: 100 });
      line.pass(each);
    }
    line.end();
    return line.read().split('\n').slice(0, -1);
  };

  it.each([
    ['a pipe', null, {}],
    ['a terminal that cannot', 80, { TERM: 'dumb' }],
    ['a CI service', 80, { CI: 'true' }],
    ['another CI service', 80, { CI: '1', TERM: 'xterm' }],
  ])('is a line every thirty seconds, and the end: %s', (_, columns, env) => {
    const lines = run(open(columns, { env }), 1000);
    expect(lines).toHaveLength(4);
    expect(lines[0]).toBe('row  29/100  1m 11s left');
    expect(lines.at(-1)).toBe('row 100/100  done');
  });

  it.each(['', '0', 'false'])('takes CI=%s for none', (CI) => {
    expect(run(open(80, { env: { CI } }), 1000).join()).toContain('\r');
  });

  it('is silent for what is over sooner', () => expect(run(open(null), 290)).toEqual([]));

  it('tells also while nothing moves', () => {
    const line = open(null);
    line.show({ what: 'row', done: 0, total: 3 });
    line.pass(61_000);
    line.end();
    line.pass(61_000);
    expect(line.read()).toBe('row 0/3\nrow 0/3\n');
  });
});

it('is events for a program: the first, the last, and one a second', () => {
  const line = open(null, { json: true });
  for (let done = 0; done <= 40; done++) {
    line.show({ what: 'step', done, total: 40, fields: { loss: done } });
    line.pass(100);
  }
  const events = line
    .read()
    .trimEnd()
    .split('\n')
    .map((each) => JSON.parse(each) as Record<string, unknown>);
  expect(events.map(({ done }) => done)).toEqual([0, 10, 20, 30, 40]);
  expect(events[0]).toEqual({
    type: 'progress',
    what: 'step',
    done: 0,
    total: 40,
    seconds_left: null,
    loss: 0,
  });
  expect(events[1]).toMatchObject({ seconds_left: 3, loss: 10 });
});

describe('the time left', () => {
  it('is estimated from what came after the first, which compiles', () => {
    const line = open(200);
    line.show({ what: 'step', done: 10, total: 30 });
    line.pass(60_000);
    line.show({ what: 'step', done: 11, total: 30 });
    expect(line.read()).toContain('19m 00s left');
    line.pass(2000);
    line.show({ what: 'step', done: 12, total: 30 });
    expect(line.read().split('\r').at(-1)).toContain('36s left');
  });
});

it('shows what is flagged only where the objective flags tokens', () => {
  expect(stepStanding(record(3), 100).details).toContain('flagged 12.5%');
  const quiet = stepStanding({ ...record(3), flags: false }, 100);
  expect(quiet.details!.join()).not.toContain('flagged');
  expect(quiet.fields).not.toHaveProperty('flagged_fraction');
});

it('fitLine never exceeds the width and keeps the step first', () => {
  const parts = ['step   3/100', ...stepStanding(record(3), 100).details!, '1m 40s left'];
  expect(fitLine(parts, 200)).toBe(parts.join('  '));
  fc.assert(
    fc.property(fc.integer({ min: 0, max: 120 }), (width) => {
      const line = fitLine(parts, width);
      expect(line.length).toBeLessThanOrEqual(width);
      expect(parts[0]!.startsWith(line.slice(0, parts[0]!.length))).toBe(true);
    }),
  );
});

it('formatDuration', () => {
  const found = [0, 59.4, 60, 185, 3599.6, 7620, 273_600, Infinity].map(formatDuration);
  expect(found).toEqual(['0s', '59s', '1m 00s', '3m 05s', '1h 00m', '2h 07m', '3d 04h', '?']);
});
