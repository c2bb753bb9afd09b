// The progress line: rewritten in place on a terminal, plain lines now and then in a pipe. Knows step records
// and widths; it does not know where the records come from.
import type { StepRecord } from '../alignment/metrics.ts';
import { percent } from '../words/numbers.ts';
import type { Output } from './terminal.ts';

export interface LineSettings {
  readonly output: Output;
  /** Milliseconds; a monotonic clock. */
  readonly now?: () => number;
  /** Milliseconds between lines in a pipe. */
  readonly interval?: number;
}

export interface ProgressSettings extends LineSettings {
  readonly totalSteps: number;
  /** Steps done before this session. */
  readonly doneSteps: number;
}

export interface Line {
  /** Shows these parts, the most important first; `last` are shown whatever the interval. */
  show(parts: readonly string[], last: boolean): void;
  /** Prints a line of its own above the progress line. */
  note(line: string): void;
  /** Ends the line; nothing is rewritten afterwards. */
  end(): void;
}

export interface Progress extends Omit<Line, 'show'> {
  update(record: StepRecord): void;
}

export function createLine({ output, now = () => performance.now(), interval = 5000 }: LineSettings): Line {
  let printed = -Infinity;
  let open: string | null = null;
  return {
    show: (parts, last) => {
      if (output.isTTY) {
        open = fitLine(parts, (output.columns ?? 80) - 1);
        output.write(`\r${open}\x1b[K`);
      } else if (last || now() - printed >= interval) {
        printed = now();
        output.write(`${parts.join('  ')}\n`);
      }
    },
    note: (line) => {
      output.write(open === null ? `${line}\n` : `\r\x1b[K${line}\n${open}`);
    },
    end: () => {
      if (open !== null) output.write('\n');
      open = null;
    },
  };
}

/** Seconds left. The first of the things counted, which loads and compiles, counts only while there is no other. */
export function createClock(done: number, now: () => number): (at: number, total: number) => number {
  const began = now();
  let first: { at: number; time: number } | undefined;
  return (at, total) => {
    const time = now();
    first ??= { at, time };
    const each = at > first.at ? (time - first.time) / (at - first.at) : (time - began) / (at - done);
    return ((total - at) * each) / 1000;
  };
}

export function createProgress(settings: ProgressSettings): Progress {
  const { totalSteps, doneSteps, now = () => performance.now() } = settings;
  const line = createLine(settings);
  const secondsLeft = createClock(doneSteps, now);
  return {
    ...line,
    update: (record) => {
      const parts = progressLine(record, totalSteps, secondsLeft(record.step, totalSteps));
      line.show(parts, record.step === totalSteps);
    },
  };
}

/** Counts things that are made one after the other: "revision 16/120  2m 10s left". */
export function createCounter(
  output: Output,
  noun: string,
  now: () => number = () => performance.now(),
): Omit<Line, 'show'> & { update(done: number, total: number): void } {
  const line = createLine({ output, now });
  let secondsLeft: ReturnType<typeof createClock> | undefined;
  return {
    ...line,
    update: (done, total) => {
      const width = String(total).length;
      const head = `${noun} ${String(done).padStart(width)}/${total}`;
      if (secondsLeft === undefined) {
        // What is there before this session says nothing about its speed.
        secondsLeft = createClock(done, now);
        if (done < total) line.show([head], true);
        return;
      }
      const rest = done === total ? 'done' : `${formatDuration(secondsLeft(done, total))} left`;
      line.show([head, rest], done === total);
    },
  };
}

/** The parts of the line, the most important first. */
export function progressLine(record: StepRecord, totalSteps: number, secondsLeft: number): string[] {
  const width = String(totalSteps).length;
  const parts = Object.entries(record.parts).map(([name, value]) => `${name} ${value.toFixed(3)}`);
  return [
    `step ${String(record.step).padStart(width)}/${totalSteps}`,
    `loss ${record.loss.toFixed(4)}${parts.length > 1 ? ` (${parts.join(', ')})` : ''}`,
    ...(record.flags ? [`flagged ${percent(record.flaggedFraction)}`] : []),
    `${record.tokensPerSecond.toFixed(record.tokensPerSecond < 10 ? 1 : 0)} tok/s`,
    record.step === totalSteps ? 'done' : `${formatDuration(secondsLeft)} left`,
  ];
}

/** As many whole parts as fit: the loss's details go first, then parts from the end but for the time left. */
export function fitLine(parts: readonly string[], width: number): string {
  const join = (some: readonly string[]): string => some.join('  ');
  if (join(parts).length <= width) return join(parts);
  const plain = parts.map((part) => part.replace(/ \(.*\)$/, ''));
  while (plain.length > 2 && join(plain).length > width) plain.splice(plain.length - 2, 1);
  while (plain.length > 1 && join(plain).length > width) plain.pop();
  return join(plain).slice(0, Math.max(0, width));
}

/** "42s", "3m 05s", "2h 07m", "3d 04h". */
export function formatDuration(seconds: number): string {
  if (!Number.isFinite(seconds)) return '?';
  const whole = Math.max(0, Math.round(seconds));
  const pad = (n: number): string => String(n).padStart(2, '0');
  if (whole < 60) return `${whole}s`;
  if (whole < 3600) return `${Math.floor(whole / 60)}m ${pad(whole % 60)}s`;
  const minutes = Math.floor(whole / 60);
  if (minutes < 24 * 60) return `${Math.floor(minutes / 60)}h ${pad(minutes % 60)}m`;
  const hours = Math.floor(minutes / 60);
  return `${Math.floor(hours / 24)}d ${pad(hours % 24)}h`;
}
