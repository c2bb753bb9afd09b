// Two ranks, each with its share of the weights: what a rank's memory grows by when a model is opened, when it scores a sequence
// and when it takes a gradient, measured by the system.
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { flat } from '../../src/engine/torch/frames.ts';
import { reachWorker } from '../../src/engine/torch/worker.ts';
import { writeFreshLlama } from '../../src/models/index.ts';
import { modelDir } from '../golden/golden.ts';
import { python } from './engines.ts';

it.skipIf(python === undefined || process.platform !== 'linux')(
  'a rank holds at most its share of the weights and one layer while it reads them, and some layers while it works',
  async () => {
    const dir = await mkdtemp(join(tmpdir(), 'whetstone-torch-memory-'));
    const size = {
      vocabSize: 384,
      hiddenSize: 512,
      intermediateSize: 2048,
      layers: 16,
      heads: 8,
      kvHeads: 8,
    };
    const tokens = { maxPositions: 128, bosTokenId: 1, eosTokenId: 2, padTokenId: 0 };
    await writeFreshLlama(dir, { ...size, ...tokens, initializerRange: 0.02 }, 1);
    const layer = 4 * (4 * size.hiddenSize ** 2 + 3 * size.hiddenSize * size.intermediateSize);
    const whole = size.layers * layer + 4 * size.vocabSize * size.hiddenSize;
    const worker = await reachWorker({ engine: 'torch', nproc: 2, python: python! }, 'cpu');
    try {
      const open = (model: string): Promise<unknown> =>
        worker.ask('open', {
          ...{ model, device: 'cpu', compute_dtype: 'float32', base_dtype: 'float32', threads: 1 },
          ...{ full: false, gradient_checkpointing: false, row_tokens: null },
        });
      const memory = async (reset: boolean): Promise<{ peak_bytes: number[]; now_bytes: number[] }> =>
        (await worker.ask('memory', { reset })).fields as never;
      // A small model first, so that what is loaded is the weights and not the code.
      await open(modelDir('llama2'));
      const before = await memory(true);
      await open(dir);
      const after = await memory(false);
      const growth = after.peak_bytes.map((bytes, rank) => bytes - before.now_bytes[rank]!);
      const mib = (bytes: number): string => `${(bytes / 2 ** 20).toFixed(0)} MiB`;
      console.log(
        `weights ${mib(whole)}, a share ${mib(whole / 2)}, a layer ${mib(layer)}; ranks grew by ${growth.map(mib).join(' and ')}`,
      );
      for (const bytes of growth) {
        expect(bytes).toBeGreaterThan(0.9 * (whole / 2));
        expect(bytes).toBeLessThanOrEqual(whole / 2 + layer);
      }
      const sequence = { sequences: [[8, 4, 8, 0, 0, 0]] };
      const ids = flat(Int32Array.from({ length: 8 }, (_, i) => 3 + i));
      const grownBy = async (work: () => Promise<unknown>): Promise<number[]> => {
        await memory(true);
        await work();
        return (await memory(false)).peak_bytes.map((bytes, rank) => bytes - before.now_bytes[rank]!);
      };
      const scoring = await grownBy(() => worker.ask('score', { ...sequence, model: 'present' }, { ids }));
      const lora = { rank: 4, alpha: 4, rank_stabilized: false, dropout: 0, targets: ['down_proj'] };
      const { parameters } = (await worker.ask('train', { lora })).fields as {
        parameters: { name: string }[];
      };
      await worker.ask('layout', { names: parameters.map(({ name }) => name), masks: null });
      await worker.ask('begin', {});
      const coefficients = flat(new Float32Array(4).fill(-1));
      const learning = await grownBy(() => worker.ask('learn', sequence, { ids, coefficients }));
      console.log(`scoring: ${scoring.map(mib).join(' and ')}; learning: ${learning.map(mib).join(' and ')}`);
      // Layers that are gathered come and go: no rank ever holds as much as the whole model.
      for (const bytes of [...scoring, ...learning]) expect(bytes).toBeLessThan(whole);
    } finally {
      await worker.close();
      await rm(dir, { recursive: true });
    }
  },
  240_000,
);
