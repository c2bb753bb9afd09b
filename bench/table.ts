// Readings of the table benchmark: kept in a file, so that rounds may be added later, and written as Markdown. Knows names
// and speeds; how they are measured is table.bench.ts.
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { median } from './sides.ts';

/** Kinds of work, and what their speed counts a second. */
export const works = {
  step: 'training, triplets/s',
  alone: 'one answer, tokens/s',
  eight: 'eight at once, tokens/s',
} as const;

export type WorkKind = keyof typeof works;

/** One turn of one side. */
export interface Reading {
  readonly size: string;
  readonly work: WorkKind;
  readonly device: string;
  /** "float32" and so on for ours; a program's name otherwise. */
  readonly side: string;
  readonly round: number;
  /** Triplets or tokens a second. */
  readonly speed: number;
  readonly peakBytes: number;
  /** Processes that wanted to run before the turn, by the last minute's mean. */
  readonly load: number;
}

export const readReadings = (file: string | undefined): Reading[] =>
  file !== undefined && existsSync(file) ? (JSON.parse(readFileSync(file, 'utf8')) as Reading[]) : [];

/** The first round that no reading of this work on this size has. */
export const nextRound = (readings: readonly Reading[], size: string, work: WorkKind): number =>
  Math.max(-1, ...readings.filter((r) => r.size === size && r.work === work).map(({ round }) => round)) + 1;

/** What all others are compared with: ours in float32 on the CPU. */
const isReference = ({ device, side }: Pick<Reading, 'device' | 'side'>): boolean =>
  device === 'cpu' && side === 'float32';

/**
 * A table a size, a row a side in the order of its first reading. A cell has the median of the rounds and, behind it, the
 * median of the ratios to float32 on the CPU in the same round.
 */
export function toMarkdown(readings: readonly Reading[]): string {
  const sizes = [...new Set(readings.map(({ size }) => size))];
  return sizes.map((size) => tableOf(readings.filter((r) => r.size === size))).join('\n\n');
}

function tableOf(readings: readonly Reading[]): string {
  const kinds = (Object.keys(works) as WorkKind[]).filter((kind) =>
    readings.some(({ work }) => work === kind),
  );
  const sides = [...new Set(readings.map(nameOf))];
  const rows = sides.map((name) => {
    const own = readings.filter((r) => nameOf(r) === name);
    const cells = kinds.map((kind) => cellOf(own, readings, kind));
    const peak = (kind: (work: WorkKind) => boolean): string => {
      const peaks = own.filter(({ work }) => kind(work)).map(({ peakBytes }) => peakBytes);
      return peaks.length === 0 ? '' : (Math.max(...peaks) / 2 ** 30).toFixed(2);
    };
    const peaks = [peak((work) => work === 'step'), peak((work) => work !== 'step')];
    return [own[0]!.device, own[0]!.side, ...cells, peaks.filter((p) => p !== '').join(', ')];
  });
  const head = [
    `${readings[0]!.size}: device`,
    'precision or program',
    ...kinds.map((kind) => works[kind]),
    'peak, GiB',
  ];
  const line = (cells: readonly string[]): string => `| ${cells.join(' | ')} |`;
  return [head, head.map(() => '---'), ...rows].map(line).join('\n');
}

const nameOf = ({ device, side }: Reading): string => `${device} ${side}`;

function cellOf(own: readonly Reading[], all: readonly Reading[], kind: WorkKind): string {
  const mine = own.filter(({ work }) => work === kind);
  if (mine.length === 0) return '';
  const speed = median(mine.map((r) => r.speed));
  const ratios = mine.flatMap(({ round, speed: s }) => {
    const reference = all.find((r) => isReference(r) && r.work === kind && r.round === round);
    return reference ? [s / reference.speed] : [];
  });
  const shown = speed.toFixed(speed < 10 ? 2 : speed < 100 ? 1 : 0);
  return isReference(mine[0]!) || ratios.length === 0 ? shown : `${shown} (${median(ratios).toFixed(2)})`;
}

const [begins, ends] = ['<!-- bench/table.bench.ts writes this -->', '<!-- until here -->'];

/** Puts text between the two marks of a Markdown file. Throws where it has not both. */
export function writeBlock(file: string, text: string): void {
  const whole = readFileSync(file, 'utf8');
  const [from, to] = [whole.indexOf(begins), whole.indexOf(ends)];
  if (from < 0 || to < from) throw new Error(`${file} needs a line "${begins}" and, below it, "${ends}"`);
  writeFileSync(file, `${whole.slice(0, from + begins.length)}\n\n${text}\n\n${whole.slice(to)}`);
}
