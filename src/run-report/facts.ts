// What every run's folder says of it: its record and its steps so far. Knows the files, not what they are shown as.
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { hasCode } from '../durable/files.ts';
import { readRecord } from '../runs/record.ts';
import type { RunRecord } from '../runs/record.ts';
import { readSteps } from './steps.ts';
import type { StepLine } from './steps.ts';

export interface RunFacts {
  readonly dir: string;
  readonly record: RunRecord;
  /** None, where the run has not come so far. */
  readonly steps: readonly StepLine[];
}

/** Throws WhetstoneError `BAD_RUN` where the folder holds no run, or a damaged one. */
export async function readRunFacts(dir: string): Promise<RunFacts> {
  const record = await readRecord(dir);
  const file = join(dir, 'metrics.jsonl');
  const metrics = await readFile(file, 'utf8').catch((error: unknown) => {
    if (hasCode(error, 'ENOENT')) return '';
    throw error;
  });
  return { dir, record, steps: readSteps(metrics, file) };
}
