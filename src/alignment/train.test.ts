import { mkdtemp, readFile, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { Engine, Work } from '../engine/engine.ts';
import { WhetstoneError } from '../errors.ts';
import { fakeEngine, fakeExamples } from '../../test/cli/fake-engine.ts';
import { epochOrder } from '../judgments/order.ts';
import type { Objective } from '../objectives/objective.ts';
import { planBatches } from './batches.ts';
import { claimRun } from '../runs/claim.ts';
import { openRunDirectory } from './run-directory.ts';
import { train } from './train.ts';
import type { TrainOptions } from './train.ts';

let dir: string;
beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), 'whetstone-train-'));
});
afterEach(() => rm(dir, { recursive: true, force: true }));

const rows = 11;
const plan = planBatches({
  rows,
  batchSize: 3,
  epochs: 2,
  maxSteps: null,
  order: (epoch) => epochOrder(rows, { seed: 5, epoch, shuffle: true }),
});
const options = (engine: Engine): TrainOptions => ({
  engine,
  examples: fakeExamples(rows),
  plan,
  objective: { name: 'fake' } as Objective,
  schedule: { name: 'cosine', learningRate: 0.01, warmupSteps: 2, totalSteps: plan.totalSteps },
  optimizer: { beta1: 0.9, beta2: 0.999, epsilon: 1e-8, weightDecay: 0.01, maxGradNorm: 1 },
  directory: null,
  saveSteps: 2,
});

/** One process's share of a run: trains in `out` until the end or until `leave` says so. */
const work = async (
  out: string,
  engine: Engine,
  leave: (step: number) => boolean,
  extra: Partial<TrainOptions> = {},
): Promise<void> => {
  const claim = await claimRun(out, 'resume');
  const directory = await openRunDirectory(await claim.begin({ settings: {}, run: {} }), 2);
  try {
    for await (const { step } of train({ ...options(engine), directory, ...extra })) if (leave(step)) break;
  } finally {
    await directory.metrics.close();
    await claim.release();
  }
};
const metricsOf = async (out: string): Promise<object[]> =>
  (await readFile(join(out, 'metrics.jsonl'), 'utf8'))
    .trim()
    .split('\n')
    .map((line) => ({ ...(JSON.parse(line) as object), tokens_per_second: 0 }));

describe('train', () => {
  it('ends with the same state and metrics however often it is left and taken up again', async () => {
    const whole = fakeEngine({ seed: 1 });
    await work(join(dir, 'whole'), whole, () => false);
    const pieces = join(dir, 'pieces');
    let last = fakeEngine({ seed: 1 });
    for (const leaveAt of [1, 3, 4, 7, Infinity]) {
      last = fakeEngine({ seed: 1 });
      await work(pieces, last, (step) => step === leaveAt);
    }
    expect(last.trainingState()).toEqual(whole.trainingState());
    expect(await metricsOf(pieces)).toEqual(await metricsOf(join(dir, 'whole')));
    expect((await metricsOf(pieces)).map((line) => (line as { step: number }).step)).toEqual([
      1, 2, 3, 4, 5, 6, 7, 8,
    ]);
  });

  it('would not pass the test above if moments were lost', async () => {
    const whole = fakeEngine({ seed: 1 });
    await work(join(dir, 'whole'), whole, () => false);
    await work(join(dir, 'lossy'), fakeEngine({ seed: 1 }), (step) => step === 3);
    const lossy = fakeEngine({ seed: 1 });
    await work(
      join(dir, 'lossy'),
      { ...lossy, restore: (state) => lossy.restore({ ...state, firstMoment: new Float32Array(64) }) },
      () => false,
    );
    expect(lossy.trainingState().parameters).not.toEqual(whole.trainingState().parameters);
  });

  it('stops after the step under way when aborted, with a checkpoint', async () => {
    const abort = new AbortController();
    const out = join(dir, 'run');
    await work(out, fakeEngine({ seed: 1 }), (step) => (step === 3 ? (abort.abort(), false) : false), {
      signal: abort.signal,
    });
    expect((await readdir(join(out, 'checkpoints'))).sort()).toEqual(['step-2', 'step-3']);
  });

  it('names the rows of a batch whose loss is not finite and keeps the state before it', async () => {
    const out = join(dir, 'run');
    const describeRow = ({ index }: { index: number }): string => `data.json row ${index + 1}`;
    const attempt = work(out, fakeEngine({ seed: 1, nonFiniteAt: 6 }), () => false, { describeRow });
    const named = plan
      .batch(5)
      .map((row) => `data.json row ${row + 1}`)
      .join(', ');
    await expect(attempt).rejects.toMatchObject({
      code: 'NON_FINITE_LOSS',
      message: expect.stringContaining(named) as string,
    });
    await expect(attempt).rejects.toThrow(/step 6: the loss is NaN[^]*state after step 5 is saved/);
    expect((await readdir(join(out, 'checkpoints'))).sort()).toEqual(['step-4', 'step-5']);
    expect(await metricsOf(out)).toHaveLength(5);
  });

  it('ends where memory is refused, with a checkpoint and what takes less', async () => {
    const out = join(dir, 'run');
    const engine = fakeEngine({ seed: 1, peak: 1e6 });
    const { step } = engine;
    let steps = 0;
    const short = {
      ...engine,
      step: (...asked: Parameters<typeof step>) =>
        ++steps === 6
          ? Promise.reject(new WhetstoneError('OUT_OF_MEMORY', 'there is not enough memory'))
          : step(...asked),
      describe: () => ({ ...engine.describe(), fewerBits: ['int8'] as const }),
      estimateMemory: (work: Work, dtype?: string) => ({
        ...engine.estimateMemory(work),
        activations: dtype === undefined ? 1e6 : 1e5,
      }),
    };
    const attempt = work(out, short, () => false);
    await expect(attempt).rejects.toMatchObject({ code: 'OUT_OF_MEMORY' });
    await expect(attempt).rejects.toThrow(/step 6: there is not enough memory; the longest sequence/);
    await expect(attempt).rejects.toThrow(/state after step 5 is saved[^]*takes less with .*baseDtype. int8/);
    expect((await readdir(join(out, 'checkpoints'))).sort()).toEqual(['step-4', 'step-5']);
    await work(out, fakeEngine({ seed: 1 }), () => false);
    expect(await metricsOf(out)).toHaveLength(8);
  });

  it('trains without a directory', async () => {
    const engine = fakeEngine({ seed: 1 });
    const losses: number[] = [];
    for await (const step of train(options(engine))) losses.push(step.loss);
    expect(losses).toHaveLength(8);
    expect(engine.trainingState().step).toBe(8);
  });

  it('keeps the previous checkpoint when the disk fills up, and does not try again', async () => {
    const claim = await claimRun(join(dir, 'run'), 'new');
    const directory = await openRunDirectory(await claim.begin({ settings: {}, run: {} }), 2);
    let attempts = 0;
    const filling = {
      ...directory,
      saveCheckpoint: (...args: Parameters<typeof directory.saveCheckpoint>) => {
        attempts++;
        if (args[0].step < 6) return directory.saveCheckpoint(...args);
        return Promise.reject(Object.assign(new Error('disk'), { code: 'DISK_FULL' }));
      },
    };
    const run = async (): Promise<void> => {
      for await (const { step } of train({ ...options(fakeEngine({ seed: 1 })), directory: filling }))
        expect(step).toBeLessThan(6);
    };
    await expect(run()).rejects.toMatchObject({ code: 'DISK_FULL' });
    expect(attempts).toBe(3);
    expect((await readdir(join(dir, 'run', 'checkpoints'))).sort()).toEqual(['step-2', 'step-4']);
    await directory.metrics.close();
    await claim.release();
  });
});
