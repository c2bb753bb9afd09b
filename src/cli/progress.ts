// The progress line: rewritten in place on a terminal, plain lines now and then in a pipe. Knows step records
// and widths; it does not know where the records come from.
import type { StepRecord } from '../alignment/metrics.ts';
import type { Output } from './terminal.ts';

export interface ProgressSettings {
  readonly output: Output;
  readonly totalSteps: number;
  /** Steps done before this session. */
  readonly doneSteps: number;
  /** Milliseconds; a monotonic clock. */
  readonly now?: () => number;
  /** Milliseconds between lines in a pipe. */
  readonly interval?: number;
}

export interface Progress {
  update(record: StepRecord): void;
  /** Prints a line of its own above the progress line. */
  note(line: string): void;
  /** Ends the line; nothing is rewritten afterwards. */
  end(): void;
}

export function createProgress(settings: ProgressSettings): Progress {
  const { output, totalSteps, doneSteps, now = () => performance.now(), interval = 5000 } = settings;
  const began = now();
  let firstStepEnded: number | undefined;
  let printed = -Infinity;
  let open: string | null = null;
  /** Seconds left. The first step, which loads and compiles, counts only while there is no other. */
  const secondsLeft = (step: number): number => {
    const at = now();
    firstStepEnded ??= at;
    const here = step - doneSteps;
    const perStep = here > 1 ? (at - firstStepEnded) / (here - 1) : at - began;
    return ((totalSteps - step) * perStep) / 1000;
  };
  return {
    update: (record) => {
      const line = progressLine(record, totalSteps, secondsLeft(record.step));
      if (output.isTTY) {
        open = fitLine(line, (output.columns ?? 80) - 1);
        output.write(`\r${open}\x1b[K`);
        return;
      }
      const due = now() - printed >= interval || record.step === totalSteps;
      if (due) {
        printed = now();
        output.write(`${line.join('  ')}\n`);
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

/** The parts of the line, the most important first. */
export function progressLine(record: StepRecord, totalSteps: number, secondsLeft: number): string[] {
  const width = String(totalSteps).length;
  const parts = Object.entries(record.parts).map(([name, value]) => `${name} ${value.toFixed(3)}`);
  return [
    `step ${String(record.step).padStart(width)}/${totalSteps}`,
    `loss ${record.loss.toFixed(4)}${parts.length > 1 ? ` (${parts.join(', ')})` : ''}`,
    `flagged ${(record.flaggedFraction * 100).toFixed(1)}%`,
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
