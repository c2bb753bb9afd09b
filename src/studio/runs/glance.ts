// A run at a glance, without reading all of it: its record, its last step, some losses on the way. Knows folders.
import { open, stat } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { totalStepsOf } from '../../alignment/batches.ts';
import { defaultSettings } from '../../alignment/settings.ts';
import { exists } from '../../durable/files.ts';
import { isHeld } from '../../durable/lock.ts';
import { WhetstoneError, withRemedy } from '../../errors.ts';
import { modelOfSnapshot } from '../../hub/index.ts';
import { parseStep } from '../../run-report/steps.ts';
import type { StepLine } from '../../run-report/steps.ts';
import { readRecord, recordFile } from '../../runs/record.ts';
import type { RunRecord } from '../../runs/record.ts';
import type { RunRow, Standing } from '../api/runs.ts';
import { stepFiles } from './step-files.ts';

/** What is known of a run beside its steps. */
export interface RunHead {
  readonly dir: string;
  readonly name: string;
  /** Null where it cannot be read; then `problem` says why. */
  readonly record: RunRecord | null;
  readonly problem: string | null;
  readonly kind: string;
  readonly standing: Standing;
}

/** Null where the folder holds no run (any more). */
export async function readHead(dir: string, name: string): Promise<RunHead | null> {
  if (!(await exists(recordFile(dir)))) return null;
  let record: RunRecord | null = null;
  let problem: string | null = null;
  try {
    record = await readRecord(dir);
  } catch (error) {
    if (!(error instanceof WhetstoneError)) throw error;
    problem = withRemedy(error);
  }
  const kind = textOf(record?.run['kind']) ?? 'align';
  // A training of a round that the whole run goes on with is held by the run's own lock.
  const standing: Standing = (await isHeld(dir))
    ? 'going on'
    : (await isComplete(dir, kind, record))
      ? 'complete'
      : 'stopped';
  return { dir, name, record, problem, kind, standing };
}

/** An online run has an adapter after each round. */
async function isComplete(dir: string, kind: string, record: RunRecord | null): Promise<boolean> {
  if (kind !== 'online') return exists(join(dir, 'adapter'));
  const rounds = Number(record?.settings['rounds']);
  return exists(join(dir, 'rounds', String(rounds), 'training', 'adapter'));
}

const trendPoints = 48;
/** More than a line of steps has. */
const lineBytes = 4096;

export async function glanceAt(head: RunHead): Promise<RunRow> {
  const files = await sizesOf(await stepFiles(head.dir, head.kind));
  const last = await lastStep(files);
  const trend = [...(await trendOf(files)), ...(last ? [finite(last.loss)] : [])];
  const changed = Math.max((await stat(recordFile(head.dir))).mtimeMs, ...files.map(({ time }) => time));
  return rowOf(head, { trend, last, changed, rounds: files.length });
}

interface Seen {
  readonly trend: readonly (number | null)[];
  readonly last: StepLine | null;
  /** Milliseconds since 1970. */
  readonly changed: number;
  /** Trainings that have begun. */
  readonly rounds: number;
}

export function rowOf({ name, record, problem, kind, standing }: RunHead, seen: Seen): RunRow {
  const { settings = {} } = record ?? {};
  const model = textOf(settings['model']);
  const of = Number(settings['rounds']);
  return {
    name,
    kind,
    method: textOf(settings['method']),
    model: model && (modelOfSnapshot(model) ?? basename(model)),
    data: baseOf(settings['data'] ?? settings['instructions']),
    standing,
    step: seen.last?.step ?? 0,
    totalSteps: totalOf(settings, seen.last),
    round: kind === 'online' && Number.isFinite(of) ? { at: Math.max(1, seen.rounds), of } : null,
    loss: seen.last && finite(seen.last.loss),
    trend: seen.trend,
    changed: new Date(seen.changed).toISOString(),
    problem,
  };
}

const textOf = (value: unknown): string | null => (typeof value === 'string' ? value : null);
const baseOf = (value: unknown): string | null => (typeof value === 'string' ? basename(value) : null);
const finite = (value: number): number | null => (Number.isFinite(value) ? value : null);

/** A step's epoch tells how many steps an epoch has. */
function totalOf(settings: Readonly<Record<string, unknown>>, last: StepLine | null): number | null {
  const { epochs = defaultSettings.epochs, max_steps: most = null } = settings;
  if (typeof most === 'number') return most;
  const epoch = last?.['epoch'];
  if (last === null || typeof epoch !== 'number' || !(epoch > 0) || typeof epochs !== 'number') return null;
  return totalStepsOf({ stepsPerEpoch: Math.round(last.step / epoch), epochs, maxSteps: null });
}

interface SizedFile {
  readonly path: string;
  readonly size: number;
  readonly time: number;
}

async function sizesOf(paths: readonly string[]): Promise<SizedFile[]> {
  const found = await Promise.all(paths.map((path) => stat(path).catch(() => null)));
  return found.flatMap((stats, i) =>
    stats === null ? [] : [{ path: paths[i]!, size: stats.size, time: stats.mtimeMs }],
  );
}

async function lastStep(files: readonly SizedFile[]): Promise<StepLine | null> {
  const file = files.at(-1);
  if (file === undefined || file.size === 0) return null;
  const text = await readAt(file.path, Math.max(0, file.size - 2 * lineBytes), 2 * lineBytes);
  return (
    text
      .split('\n')
      .slice(0, -1)
      .map(parseStep)
      .findLast((step) => step !== null) ?? null
  );
}

/** Losses of the lines at even distances in bytes. */
async function trendOf(files: readonly SizedFile[]): Promise<(number | null)[]> {
  const total = files.reduce((sum, { size }) => sum + size, 0);
  const losses: (number | null)[] = [];
  let before = 0;
  let known: string | null = null;
  let next = 0;
  for (const { path, size } of files) {
    const opened = await open(path, 'r').catch(() => null);
    if (opened === null) continue;
    try {
      for (; next < trendPoints && (next * total) / trendPoints < before + size; next++) {
        const at = Math.floor((next * total) / trendPoints) - before;
        const buffer = Buffer.allocUnsafe(lineBytes);
        const { bytesRead } = await opened.read(buffer, 0, lineBytes, at);
        const lines = buffer.toString('utf8', 0, bytesRead).split('\n');
        // What stands before the first line end is the end of a line, unless the file begins there.
        const line = (at === 0 ? lines[0] : lines[1]) ?? '';
        const step = line === known ? null : parseStep(line);
        if (step !== null) losses.push(finite(Number(step.loss.toPrecision(4))));
        known = line;
      }
    } finally {
      await opened.close();
    }
    before += size;
  }
  return losses;
}

async function readAt(path: string, position: number, bytes: number): Promise<string> {
  const file = await open(path, 'r');
  try {
    const buffer = Buffer.alloc(bytes);
    const { bytesRead } = await file.read(buffer, 0, bytes, position);
    return buffer.toString('utf8', 0, bytesRead);
  } finally {
    await file.close();
  }
}
