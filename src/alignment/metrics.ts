// RUN/metrics.jsonl: one line per optimizer step, cut back to the checkpoint when a run goes on.
// Knows the record's fields; how they came about is training's business.
import { open, readFile } from 'node:fs/promises';
import type { StepMetrics } from '../engine/engine.ts';
import { explainWriting, growing } from '../durable/explain.ts';
import { hasCode, writeAll, writeFileDurably } from '../durable/files.ts';
import { requireHeld } from '../durable/held.ts';
import type { Scalars } from '../tensorboard/index.ts';

/** What a run says about one optimizer step. Losses in nats. */
export interface StepRecord {
  /** Counted from 1. */
  readonly step: number;
  /** Epochs done, for instance 0.25. */
  readonly epoch: number;
  readonly loss: number;
  /** Named parts of the loss, for instance { l1, l2 }; they add up to it. */
  readonly parts: Readonly<Record<string, number>>;
  /** Share of the unsatisfactory rows' response tokens that were flagged; 0 if the batch had no such row. */
  readonly flaggedFraction: number;
  /** Whether the objective flags tokens at all. */
  readonly flags: boolean;
  /** The rate this step was taken with. */
  readonly learningRate: number;
  /** L2 norm of the gradient before clipping. */
  readonly gradNorm: number;
  /** What the loss was multiplied by on its way back; only where values are kept in float16. */
  readonly lossScale?: number;
  /** Response tokens of the batch, each row once. */
  readonly responseTokens: number;
  /** Response tokens per second of this step's own time; the one field that a repeated run changes. */
  readonly tokensPerSecond: number;
}

export interface StepPosition {
  readonly step: number;
  readonly epoch: number;
  readonly learningRate: number;
  readonly seconds: number;
  /** See `StepRecord`. */
  readonly flags: boolean;
  /** Parts of the loss that some row of the run has weight in; the others are left out. Default all. */
  readonly parts?: readonly string[];
}

export function stepRecord(metrics: StepMetrics, position: StepPosition): StepRecord {
  const { loss, flaggedTokens, comparedTokens, responseTokens, gradNorm, lossScale } = metrics;
  const { step, epoch, learningRate, seconds, flags } = position;
  const names = Object.keys(metrics.parts).filter((name) => position.parts?.includes(name) ?? true);
  return {
    step,
    epoch,
    loss,
    parts: Object.fromEntries(names.map((name) => [name, metrics.parts[name]!])),
    flaggedFraction: comparedTokens === 0 ? 0 : flaggedTokens / comparedTokens,
    flags,
    learningRate,
    gradNorm,
    ...(lossScale !== undefined && { lossScale }),
    responseTokens,
    tokensPerSecond: responseTokens / Math.max(seconds, 1e-9),
  };
}

/**
 * The record as metrics.jsonl spells it: `loss_NAME` for each part of the loss, both for CUT (l1 and l2) even where
 * one is switched off; `flagged_fraction` where the objective flags tokens.
 */
export function metricsLine(record: StepRecord): string {
  const { parts, flags } = record;
  const named = 'l1' in parts || 'l2' in parts ? { l1: 0, l2: 0, ...parts } : parts;
  return JSON.stringify({
    step: record.step,
    epoch: record.epoch,
    loss: record.loss,
    ...Object.fromEntries(Object.entries(named).map(([name, value]) => [`loss_${name}`, value])),
    ...(flags && { flagged_fraction: record.flaggedFraction }),
    learning_rate: record.learningRate,
    grad_norm: record.gradNorm,
    ...(record.lossScale !== undefined && { loss_scale: record.lossScale }),
    response_tokens: record.responseTokens,
    tokens_per_second: Math.round(record.tokensPerSecond * 100) / 100,
  });
}

/** The record as TensorBoard shows it, by tag. */
export const stepScalars = (record: StepRecord): Scalars => ({
  'train/loss': record.loss,
  ...Object.fromEntries(Object.entries(record.parts).map(([name, value]) => [`train/loss_${name}`, value])),
  ...(record.flags && { 'train/flagged_fraction': record.flaggedFraction }),
  'train/learning_rate': record.learningRate,
  'train/grad_norm': record.gradNorm,
  'train/epoch': record.epoch,
  'train/tokens_per_second': record.tokensPerSecond,
});

export interface MetricsLog {
  readonly append: (record: StepRecord) => Promise<void>;
  /** Waits until everything appended is on disk. */
  readonly sync: () => Promise<void>;
  readonly close: () => Promise<void>;
}

/** Opens the log for the steps after `step`: later lines, and a last line that was cut off, are removed. */
export async function openMetrics(path: string, step: number): Promise<MetricsLog> {
  const before = await readFile(path, 'utf8').catch((error: unknown) => {
    if (hasCode(error, 'ENOENT')) return '';
    throw error;
  });
  const kept = before
    .split('\n')
    .slice(0, -1)
    .filter((line) => stepOf(line) <= step)
    .map((line) => line + '\n')
    .join('');
  if (kept !== before) await writeFileDurably(path, kept);
  const file = await explainWriting(path, () => open(path, 'a'), growing);
  let closed = false;
  return {
    append: async (record) => {
      await requireHeld(path);
      await explainWriting(path, () => writeAll(file, Buffer.from(metricsLine(record) + '\n')), growing);
    },
    sync: () => explainWriting(path, () => file.sync(), growing),
    close: async () => {
      if (closed) return;
      closed = true;
      await file.close();
    },
  };
}

/** The step of a line; infinite for a line that is not a record, so that it is dropped. */
function stepOf(line: string): number {
  try {
    const { step } = JSON.parse(line) as { step?: unknown };
    return typeof step === 'number' ? step : Infinity;
  } catch {
    return Infinity;
  }
}
