// The progress line: rewritten in place on a terminal, a line now and then in a pipe, events for a program. Knows
// how far work is and how long the rest will take; it does not know what is done.
import type { StepRecord } from '../alignment/metrics.ts';
import { percent, thousands } from '../words/numbers.ts';
import { eventLine } from './events.ts';
import type { Output } from './terminal.ts';
import { printable } from '../words/printable.ts';
import { widthOf } from './terminal.ts';

/** How far work is. */
export interface Standing {
  /** What is counted: "step", "judged". Another one begins anew, with a clock of its own. */
  readonly what: string;
  readonly done: number;
  /** Null where nobody knows how much there is. */
  readonly total: number | null;
  /** What `done` and `total` count, where they are no things: shown as MB. */
  readonly unit?: 'bytes';
  /** Further words, the most important first, and the same as fields for a program. */
  readonly details?: readonly string[];
  readonly fields?: object;
}

export interface Line {
  show(standing: Standing): void;
  /** Takes the line off the terminal, for other words to be written; `redraw` puts it back below them. */
  wipe(): void;
  redraw(): void;
  /** Ends the line; the last thing that it showed stays. */
  end(): void;
}

export interface LineSettings {
  readonly output: Output;
  /** Writes events in place of lines for a person. */
  readonly json?: boolean;
  /** Milliseconds; a monotonic clock. */
  readonly now?: () => number;
  readonly env?: NodeJS.ProcessEnv;
}

/** Milliseconds: what is over sooner has no line on a terminal. */
const patience = 2000;
/** Milliseconds between lines in a pipe, and between events. */
const pipeInterval = 30_000;
const eventInterval = 1000;

export function createLine(settings: LineSettings): Line {
  if (settings.json) return createEvents(settings);
  return isRewritable(settings.output, settings.env) ? createRewritten(settings) : createLog(settings);
}

/** Whether a line can be written again: terminals of CI services only grow. */
const isRewritable = (output: Output, env: NodeJS.ProcessEnv = process.env): boolean =>
  output.isTTY === true && env['TERM'] !== 'dumb' && ['', '0', 'false'].includes(env['CI'] ?? '');

function createRewritten({ output, now = monotonic }: LineSettings): Line {
  const course = createCourse(now);
  let last: readonly string[] = [];
  let visible = false;
  let waiting: ReturnType<typeof setTimeout> | null = null;
  const draw = (): void => {
    output.write(`\r${fitLine(last, widthOf(output, 80) - 1)}\x1b[K`);
    visible = true;
  };
  const stopWaiting = (): void => {
    if (waiting !== null) clearTimeout(waiting);
    waiting = null;
  };
  const wipe = (): void => {
    if (visible) output.write('\r\x1b[K');
  };
  return {
    show: (standing) => {
      const { parts, fresh, since } = course(standing);
      if (fresh) {
        stopWaiting();
        if (visible) output.write('\n');
        visible = false;
        waiting = setTimeout(draw, patience).unref();
      }
      last = parts;
      if (visible || since >= patience) {
        stopWaiting();
        draw();
      }
    },
    wipe,
    redraw: () => {
      if (visible) draw();
    },
    end: () => {
      stopWaiting();
      if (visible) output.write('\n');
      visible = false;
      course.forget();
    },
  };
}

function createLog({ output, now = monotonic }: LineSettings): Line {
  const course = createCourse(now);
  let last: readonly string[] | null = null;
  let saidAt = now();
  let saidAny = false;
  let waiting: ReturnType<typeof setInterval> | null = null;
  const say = (): void => {
    if (last === null) return;
    output.write(`${last.join('  ')}\n`);
    saidAt = now();
    saidAny = true;
  };
  const due = (): boolean => now() - saidAt >= pipeInterval;
  return {
    show: (standing) => {
      // What takes long between two standings is told as well.
      waiting ??= setInterval(() => due() && say(), pipeInterval).unref();
      const { parts, fresh } = course(standing);
      if (fresh) saidAny = false;
      last = parts;
      if (due() || (saidAny && standing.done === standing.total)) say();
    },
    wipe: () => undefined,
    redraw: () => undefined,
    end: () => {
      if (waiting !== null) clearInterval(waiting);
      waiting = null;
      last = null;
      course.forget();
    },
  };
}

/** The first and the last standing of everything that is counted, and those between once a second. */
function createEvents({ output, now = monotonic }: LineSettings): Line {
  const course = createCourse(now);
  let saidAt = -Infinity;
  return {
    show: (standing) => {
      const { fresh, secondsLeft } = course(standing);
      const { what, done, total, unit, fields } = standing;
      if (!fresh && done !== total && now() - saidAt < eventInterval) return;
      saidAt = now();
      const left = { seconds_left: secondsLeft === null ? null : Number(secondsLeft.toFixed(1)) };
      output.write(eventLine('progress', { what, done, total, ...(unit && { unit }), ...left, ...fields }));
    },
    wipe: () => undefined,
    redraw: () => undefined,
    end: () => course.forget(),
  };
}

const monotonic = (): number => performance.now();

interface Course {
  /** The standing in words, the most important first. */
  readonly parts: readonly string[];
  /** Whether something else was counted before. */
  readonly fresh: boolean;
  /** Milliseconds since it is counted. */
  readonly since: number;
  /** Null where it cannot be known. */
  readonly secondsLeft: number | null;
}

/** Follows what is counted, with a clock for each. */
function createCourse(now: () => number): ((standing: Standing) => Course) & { forget: () => void } {
  let what: string | null = null;
  let from = 0;
  let began = 0;
  let left = createClock(0, now);
  const follow = (standing: Standing): Course => {
    const { done, total } = standing;
    const fresh = standing.what !== what;
    if (fresh) {
      ({ what } = standing);
      from = done;
      began = now();
      // What is there before this session says nothing about its speed.
      left = createClock(done, now);
    }
    const secondsLeft = total === null || done <= from ? null : left(done, total);
    return { parts: partsOf(standing, secondsLeft), fresh, since: now() - began, secondsLeft };
  };
  return Object.assign(follow, { forget: () => void (what = null) });
}

function partsOf({ what, done, total, unit, details = [] }: Standing, secondsLeft: number | null): string[] {
  const shown = (n: number): string => (unit === 'bytes' ? (n / 1e6).toFixed(1) : thousands(n));
  const of = total === null ? '' : `/${shown(total)}`;
  const width = total === null ? 0 : shown(total).length;
  const head = `${what} ${shown(done).padStart(width)}${of}${unit === 'bytes' ? ' MB' : ''}`;
  const left =
    done === total ? ['done'] : secondsLeft === null ? [] : [`${formatDuration(secondsLeft)} left`];
  return [head, ...details.map(printable), ...left];
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

/** A step of training, with the loss and what else its record tells. `what`: "step" or "round 2: step". */
export function stepStanding(record: StepRecord, total: number, what = 'step'): Standing {
  const parts = Object.entries(record.parts).map(([name, value]) => `${name} ${value.toFixed(3)}`);
  const { loss, flaggedFraction, learningRate, gradNorm, tokensPerSecond } = record;
  return {
    what,
    done: record.step,
    total,
    details: [
      `loss ${loss.toFixed(4)}${parts.length > 1 ? ` (${parts.join(', ')})` : ''}`,
      ...(record.flags ? [`flagged ${percent(flaggedFraction)}`] : []),
      `${tokensPerSecond.toFixed(tokensPerSecond < 10 ? 1 : 0)} tok/s`,
    ],
    fields: {
      loss,
      ...Object.fromEntries(Object.entries(record.parts).map(([name, value]) => [`loss_${name}`, value])),
      ...(record.flags && { flagged_fraction: flaggedFraction }),
      learning_rate: learningRate,
      grad_norm: gradNorm,
      tokens_per_second: tokensPerSecond,
    },
  };
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
