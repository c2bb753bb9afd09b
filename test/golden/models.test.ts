// Every decoder family against transformers and PEFT: log-probs, losses, gradients, greedy generation.
import { afterAll, describe, expect, it } from 'vitest';
import type { Generation, OnnxEngine, OptimizerSettings } from '../../src/engine/index.ts';
import { defaultAdamW, defaultLora, openEngine } from '../../src/engine/index.ts';
import type { Objective } from '../../src/objectives/index.ts';
import { cut, likelihood } from '../../src/objectives/index.ts';
import type { GoldenSequence, GoldenTriplet } from './golden.ts';
import { testDevice } from '../device.ts';
import {
  goldenFamilies,
  maxDifference,
  modelDir,
  readFloats,
  readJson,
  relativeError,
  toSequence,
  toExample,
} from './golden.ts';

interface GoldenLoss {
  readonly name: string;
  readonly kind: 'likelihood' | 'paper' | 'released-code';
  readonly settings: { lambda?: number; alpha?: number; gamma?: number };
  readonly normalize: 'triplets' | 'tokens';
  readonly loss: number;
  readonly l1: number;
  readonly l2: number;
  readonly flags: (number[] | null)[];
  readonly grad_norm: number;
}

const still: OptimizerSettings = { ...defaultAdamW, learningRate: 0, maxGradNorm: 0 };

const objectiveOf = ({ kind, settings, normalize }: GoldenLoss): Objective =>
  kind === 'likelihood'
    ? likelihood({ includeRejected: true, normalize })
    : cut({ preset: kind, ...settings, normalize });

/** A narrow model's way of running and a wide one's; the models here are narrow. */
const ways = goldenFamilies.flatMap((family) => [
  { family, way: 'a batch a run', wholeBatches: true },
  { family, way: 'a sequence a run', wholeBatches: false },
]);

describe.each(ways)('$family, $way', ({ family, wholeBatches }) => {
  const engines: OnnxEngine[] = [];
  const open = async (options: Partial<Parameters<typeof openEngine>[0]> = {}): Promise<OnnxEngine> => {
    const engine = await openEngine({
      modelDir: modelDir(family),
      threads: 1,
      device: testDevice,
      wholeBatches,
      ...options,
    });
    engines.push(engine);
    return engine;
  };
  const adapterDir = `${modelDir(family)}/adapter`;
  const sequences = readJson<GoldenSequence[]>(family, 'sequences.json');
  const { triplets, losses } = readJson<{ triplets: GoldenTriplet[]; losses: GoldenLoss[] }>(
    family,
    'losses.json',
  );
  afterAll(() => Promise.all(engines.map((e) => e.dispose())));

  it('gives the token log-probs of transformers', async () => {
    const scores = await (await open()).score(sequences.map(toSequence));
    scores.forEach((logProbs, i) =>
      expect(maxDifference(logProbs, sequences[i]!.logprobs)).toBeLessThan(2e-4),
    );
  });

  it('gives the token log-probs of PEFT with an adapter that PEFT wrote', async () => {
    const engine = await open({ adapterDir });
    const scores = await engine.score(sequences.map(toSequence));
    scores.forEach((logProbs, i) =>
      expect(maxDifference(logProbs, sequences[i]!.adapter_logprobs)).toBeLessThan(2e-4),
    );
  });

  it.each(losses)('gives the loss, flags and gradients of $name', async (golden) => {
    const engine = await open({ adapterDir, lora: { ...defaultLora, dropout: 0 } });
    const metrics = await engine.step(triplets.map(toExample), objectiveOf(golden), still);
    const relative = (a: number, b: number): number => Math.abs(a - b) / Math.max(Math.abs(b), 1e-12);
    expect(relative(metrics.loss, golden.loss)).toBeLessThan(1e-5);
    if (golden.l1 !== 0) expect(relative(metrics.parts.l1!, golden.l1)).toBeLessThan(1e-5);
    if (golden.l2 !== 0)
      expect(relative(metrics.parts.l2 ?? metrics.parts.likelihood!, golden.l2)).toBeLessThan(1e-5);
    const flags = golden.flags.flatMap((f) => f ?? []);
    expect(metrics.flaggedTokens).toBe(flags.reduce((a, b) => a + b, 0));
    expect(relative(metrics.gradNorm, golden.grad_norm)).toBeLessThan(1e-4);

    const gradients = await readFloats(`${modelDir(family)}/gradients.safetensors`);
    const flat = engine.gradient();
    const expected = engine.layout.parameters.map(({ name, offset, size }) => ({
      ours: flat.subarray(offset, offset + size),
      theirs: gradients.get(`${golden.name}/base_model.model.${name}`),
    }));
    if (expected.every(({ theirs }) => theirs === undefined)) return;
    for (const { ours, theirs } of expected) expect(relativeError(ours, theirs!)).toBeLessThan(1e-4);
  });

  it('continues prompts as transformers does, alone and in a batch', async () => {
    interface Golden {
      prompt: number[];
      ids: number[];
      finished: boolean;
    }
    const golden = readJson<{ base: Golden[]; adapter: Golden[] }>(family, 'generations.json');
    const sampling = { maxNewTokens: 12, temperature: 0 };
    for (const [cases, options] of [
      [golden.base, {}],
      [golden.adapter, { adapterDir }],
    ] as const) {
      const engine = await open(options);
      const requests = cases.map(({ prompt }) => ({ prompt: Int32Array.from(prompt), sampling }));
      const batched = await engine.generate(requests);
      expect(batched.map(({ ids, finish }) => ({ ids: [...ids], finished: finish === 'end' }))).toEqual(
        cases.map(({ ids, finished }) => ({ ids, finished })),
      );
      const alone: Generation[][] = [];
      for (const request of requests) alone.push(await engine.generate([request]));
      expect(alone.map(([g]) => [...g!.ids])).toEqual(cases.map(({ ids }) => ids));
    }
  });
});
