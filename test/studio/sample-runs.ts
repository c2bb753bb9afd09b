// Folders of runs as `align` and `online` leave them, without the training: for tests and the benchmark of the Runs room.
import { appendFile, mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { stringify } from 'yaml';

/** Figures of a step, from 1, of `total`: falling, with some noise that is the same each time. */
export function sampleStep(step: number, total: number): Record<string, number> {
  const noise = (n: number): number => Math.abs((Math.sin(step * 12.9898 + n * 78.233) * 43758.5453) % 1);
  const course = step / total;
  const l1 = 2.2 * Math.exp(-4 * course) + 0.25 + 0.3 * (noise(1) - 0.5);
  const l2 = 0.6 * Math.exp(-3 * course) + 0.1 + 0.05 * (noise(2) - 0.5);
  return {
    step,
    epoch: (2 * step) / total,
    loss: l1 + l2,
    loss_l1: l1,
    loss_l2: l2,
    flagged_fraction: 0.3 * Math.exp(-2 * course) + 0.05 * noise(3),
    learning_rate: 3e-4 * Math.min(1, course / 0.05) * (1 - course),
    grad_norm: 1.5 * Math.exp(-2 * course) + 0.4 * noise(4),
    response_tokens: 200 + Math.floor(100 * noise(5)),
    tokens_per_second: 1800 + 200 * noise(6),
  };
}

export const lineOf = (step: object): string => `${JSON.stringify(step)}\n`;

export interface SampleRun {
  readonly steps: number;
  readonly total?: number;
  readonly settings?: object;
  readonly kind?: string;
  /** Steps whose loss is this instead. */
  readonly spikes?: Readonly<Record<number, number>>;
  readonly complete?: boolean;
}

/** Makes the folder and returns it. */
export async function sampleRun(dir: string, run: SampleRun): Promise<string> {
  const { steps, total = steps, settings = {}, kind = 'align', spikes = {}, complete = false } = run;
  await mkdir(dir, { recursive: true });
  await writeFile(
    join(dir, 'run.yaml'),
    stringify({
      ...{
        model: 'models/world-128',
        data: 'judged.jsonl',
        method: 'cut',
        lambda: 1.2,
        epochs: 2,
        max_steps: null,
      },
      ...settings,
      run: { kind, versions: { whetstone: '0.1.0' } },
    }),
  );
  const file = join(dir, 'metrics.jsonl');
  await writeFile(file, '');
  for (let from = 1; from <= steps; from += 10_000) {
    const count = Math.min(10_000, steps - from + 1);
    const lines = Array.from({ length: count }, (_, i) => {
      const step = sampleStep(from + i, total);
      return lineOf({ ...step, loss: spikes[from + i] ?? step['loss'] });
    });
    await appendFile(file, lines.join(''));
  }
  if (complete) await mkdir(join(dir, 'adapter'));
  return dir;
}
