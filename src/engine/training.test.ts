// Optimizer steps: reproducible, resumable bit for bit, with dropout that drops, and refusing what is not finite.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import type { GoldenSequence, GoldenTriplet } from '../../test/golden/golden.ts';
import { modelDir, readJson, relativeError, toSequence, toExample } from '../../test/golden/golden.ts';
import { exp, mul, neg, sqrt, sub, withGradient } from '../graph/index.ts';
import { failureOf } from '../models/model-files.test-helper.ts';
import type { LoraConfig } from '../models/index.ts';
import { readAdapter } from '../models/index.ts';
import type { Objective, TokenComparison } from '../objectives/index.ts';
import { cut, likelihood } from '../objectives/index.ts';
import type { OptimizerSettings, StepMetrics, TrainingState } from './engine.ts';
import type { EngineOptions } from './model.ts';
import type { OnnxEngine } from './onnx-engine.ts';
import { openEngine } from './onnx-engine.ts';
import { defaultAdamW, defaultLora } from './options.ts';

const engines: OnnxEngine[] = [];
afterAll(() => Promise.all(engines.map((engine) => engine.dispose())));
const open = async (options: Partial<EngineOptions> = {}): Promise<OnnxEngine> => {
  const engine = await openEngine({ modelDir: modelDir('llama3'), threads: 1, ...options });
  engines.push(engine);
  return engine;
};

const adapterDir = `${modelDir('llama3')}/adapter`;
const everywhere: LoraConfig = {
  ...defaultLora,
  rank: 3,
  dropout: 0.3,
  targetModules: ['q_proj', 'k_proj', 'v_proj', 'o_proj', 'gate_proj', 'up_proj', 'down_proj'],
};
const adam: OptimizerSettings = { ...defaultAdamW, learningRate: 0.01, weightDecay: 0.01 };
const still: OptimizerSettings = { ...adam, learningRate: 0, maxGradNorm: 0 };
const { triplets } = readJson<{ triplets: GoldenTriplet[] }>('llama3', 'losses.json');
const batch = triplets.map(toExample);
const sequences = readJson<GoldenSequence[]>('llama3', 'sequences.json').map(toSequence);

/** Every bit of a state. */
const bitsOf = ({ parameters, firstMoment, secondMoment, step }: TrainingState): unknown => ({
  step,
  bits: [parameters, firstMoment, secondMoment].map((v) => Buffer.from(v.buffer, v.byteOffset, v.byteLength)),
});

async function run(engine: OnnxEngine, steps: number, objective: Objective): Promise<StepMetrics[]> {
  const metrics: StepMetrics[] = [];
  for (let i = 0; i < steps; i++) metrics.push(await engine.step(batch, objective, adam));
  return metrics;
}

const trainings: [string, Partial<EngineOptions>][] = [
  ['a fresh adapter with dropout', { lora: everywhere, seed: 3 }],
  ['a continued adapter with dropout', { adapterDir, lora: everywhere, seed: 3 }],
  ['every weight, on two threads', { lora: null, threads: 2 }],
];

describe.each(trainings)('training %s', (_, options) => {
  it('learns, and gives the same bits again', async () => {
    const [first, second] = [await open(options), await open(options)];
    const start = first.trainingState();
    const metrics = await run(first, 4, cut());
    expect(await run(second, 4, cut())).toEqual(metrics);
    expect(bitsOf(second.trainingState())).toEqual(bitsOf(first.trainingState()));
    expect(relativeError(first.trainingState().parameters, start.parameters)).toBeGreaterThan(1e-3);
    expect(await second.score(sequences)).toEqual(await first.score(sequences));
  });

  it('goes on from a saved state bit for bit', async () => {
    const unbroken = await open(options);
    const metrics = await run(unbroken, 5, cut());
    const interrupted = await open(options);
    await run(interrupted, 2, cut());
    const saved = interrupted.trainingState();
    const kept = bitsOf(saved);
    // The interrupted engine going on must not change what was saved.
    await run(interrupted, 1, cut());
    expect(bitsOf(saved)).toEqual(kept);

    const resumed = await open(options);
    resumed.restore(saved);
    expect(bitsOf(resumed.trainingState())).toEqual(kept);
    expect(await run(resumed, 3, cut())).toEqual(metrics.slice(2));
    expect(bitsOf(resumed.trainingState())).toEqual(bitsOf(unbroken.trainingState()));
    expect(bitsOf(saved)).toEqual(kept);

    // Back in time within one engine.
    interrupted.restore(saved);
    expect(await run(interrupted, 3, cut())).toEqual(metrics.slice(2));
  });
});

it('another seed starts from other weights and drops other elements', async () => {
  const [one, other] = [await open({ lora: everywhere, seed: 1 }), await open({ lora: everywhere, seed: 2 })];
  expect(one.trainingState().parameters).not.toEqual(other.trainingState().parameters);
  const [dropped, differently] = [
    await open({ adapterDir, lora: everywhere, seed: 1 }),
    await open({ adapterDir, lora: everywhere, seed: 2 }),
  ];
  const objective = cut();
  expect((await dropped.step(batch, objective, still)).loss).not.toBe(
    (await differently.step(batch, objective, still)).loss,
  );
});

it('likelihood goes down as it is trained on', async () => {
  const engine = await open({ lora: { ...everywhere, dropout: 0 } });
  const losses = (await run(engine, 12, likelihood({ includeRejected: true }))).map(({ loss }) => loss);
  expect(losses.at(-1)).toBeLessThan(0.9 * losses[0]!);
});

it('steps of learning rate 0 change nothing, and a smaller norm clips', async () => {
  const engine = await open({ lora: everywhere });
  const before = engine.trainingState();
  const { gradNorm } = await engine.step(batch, cut(), still);
  expect(engine.trainingState().parameters).toEqual(before.parameters);
  expect(engine.trainingState().step).toBe(1);
  engine.restore(before);
  await engine.step(batch, cut(), { ...adam, maxGradNorm: gradNorm / 10 });
  const clipped = engine.trainingState().firstMoment;
  engine.restore(before);
  await engine.step(batch, cut(), { ...adam, maxGradNorm: 0 });
  const whole = engine.trainingState().firstMoment;
  expect(
    relativeError(
      clipped.map((m) => m * 10),
      whole,
    ),
  ).toBeLessThan(1e-5);
});

describe('dropout', () => {
  const half = { ...everywhere, dropout: 0.5 };

  it('changes the loss of an adapter, differently at every step, and never a score', async () => {
    const objective = cut();
    const [plain, dropping] = [
      await open({ adapterDir, lora: { ...half, dropout: 0 } }),
      await open({ adapterDir, lora: half }),
    ];
    const expected = (await plain.step(batch, objective, still)).loss;
    const losses = [];
    for (let i = 0; i < 5; i++) losses.push((await dropping.step(batch, objective, still)).loss);
    expect(new Set([expected, ...losses]).size).toBe(6);
    expect((await plain.step(batch, objective, still)).loss).toBe(expected);
    expect(await dropping.score(sequences)).toEqual(await plain.score(sequences));
  });

  it('leaves a fresh adapter, whose B is zero, without effect; its gradient is right on average', async () => {
    // With B = 0 the masks do not reach the loss, and the gradient of B is linear in them.
    const objective = cut();
    const few = batch.filter(({ rejected }) => rejected).slice(0, 1);
    const steps = 200;
    const [plain, dropping] = [await open({ lora: { ...half, dropout: 0 } }), await open({ lora: half })];
    const { loss } = await plain.step(few, objective, still);
    const expected = plain.gradient();
    const [sum, squares] = [new Float64Array(expected.length), new Float64Array(expected.length)];
    for (let i = 0; i < steps; i++) {
      expect((await dropping.step(few, objective, still)).loss).toBeCloseTo(loss, 5);
      dropping.gradient().forEach((g, j) => {
        sum[j]! += g;
        squares[j]! += g * g;
      });
    }
    for (const { name, offset, size } of dropping.layout.parameters) {
      const range = Array.from({ length: size }, (_, i) => offset + i);
      if (name.endsWith('.lora_A.weight')) {
        expect(range.every((j) => sum[j] === 0)).toBe(true);
        continue;
      }
      // How far the mean lies from what is expected, in standard errors: 1 on average.
      const scores = range.map((j) => {
        const mean = sum[j]! / steps;
        const error = Math.sqrt(Math.max(squares[j]! / steps - mean ** 2, 0) / steps);
        return (mean - expected[j]!) / error;
      });
      const typical = Math.sqrt(scores.reduce((total, z) => total + z * z, 0) / size);
      expect(typical, name).toBeGreaterThan(0.5);
      expect(typical, name).toBeLessThan(1.6);
    }
  });
});

describe('a step that is not finite', () => {
  const usual = cut().comparison as TokenComparison;
  const comparing = (compare: TokenComparison['compare']): Objective => ({
    ...cut(),
    comparison: { ...usual, compare },
  });
  const breaking: [string, Objective, string][] = [
    [
      'in its loss',
      comparing((plain, others) => ({ ...usual.compare(plain, others, {}), loss: sqrt(sub(plain, 100)) })),
      'loss',
    ],
    [
      'in its gradient alone',
      comparing((plain, others) => {
        const { loss, flagged } = usual.compare(plain, others, {});
        const [same] = withGradient([loss], [plain], ([g]) => [mul(g!, sqrt(neg(exp(plain))))]);
        return { loss: same!, flagged };
      }),
      'gradient',
    ],
  ];

  it.each(breaking)('%s is refused and changes nothing', async (_, objective, what) => {
    const engine = await open({ lora: everywhere });
    await run(engine, 2, cut());
    const before = bitsOf(engine.trainingState());
    const error = await failureOf(() => engine.step(batch, objective, adam));
    expect(error.code).toBe('NON_FINITE_LOSS');
    expect(error.message).toContain(`the ${what} is not finite`);
    expect(bitsOf(engine.trainingState())).toEqual(before);
    // And training goes on as if it had not been tried.
    const undisturbed = await open({ lora: everywhere });
    await run(undisturbed, 2, cut());
    expect(await run(engine, 1, cut())).toEqual(await run(undisturbed, 1, cut()));
  });
});

describe('an adapter that was trained', () => {
  it('is saved, and read back with the same scores', async () => {
    const dir = mkdtempSync(join(tmpdir(), 'whetstone-training-'));
    try {
      const engine = await open({ lora: everywhere, baseModelName: 'somebody/base' });
      await run(engine, 2, cut());
      await engine.saveAdapter(dir);
      const { lora, baseModel } = await readAdapter(dir, { layers: 2 });
      expect({ ...lora, targetModules: [...lora.targetModules].sort() }).toEqual({
        ...everywhere,
        targetModules: [...everywhere.targetModules].sort(),
      });
      expect(baseModel).toBe('somebody/base');
      const again = await open({ adapterDir: dir });
      expect(await again.score(sequences)).toEqual(await engine.score(sequences));
      expect(again.trainingState().parameters).toEqual(engine.trainingState().parameters);
    } finally {
      rmSync(dir, { recursive: true });
    }
  });
});

describe('what an engine refuses', () => {
  const codeOf = async (action: () => unknown): Promise<string> => {
    const { code, message } = await failureOf(action);
    return `${code} ${message}`;
  };

  it('options that contradict each other or the model', async () => {
    expect(
      await codeOf(() => open({ lora: { ...everywhere, targetModules: ['up_proj', 'c_attn'] } })),
    ).toMatch(/^ENGINE_OPTIONS .*no projection "c_attn"[^]*q_proj, k_proj/);
    expect(await codeOf(() => open({ lora: { ...everywhere, targetModules: [] } }))).toMatch(
      /^INVALID_OPTIONS .*lora\.targetModules/,
    );
    expect(await codeOf(() => open({ adapterDir, lora: null }))).toMatch(
      /^INVALID_OPTIONS .*adapter cannot be continued/,
    );
  });

  it('to train nothing, to save what is not there, to restore what does not fit', async () => {
    const engine = await open();
    expect(await codeOf(() => engine.step(batch, cut(), adam))).toMatch(/^ENGINE_NOT_TRAINABLE/);
    expect(await codeOf(() => engine.saveAdapter('/nowhere'))).toMatch(/^ENGINE_NO_ADAPTER/);
    const state = (await open({ lora: everywhere })).trainingState();
    expect(await codeOf(() => engine.restore(state))).toMatch(
      /^ENGINE_STATE a state of \d+ values for a model with 0/,
    );
  });

  it('sequences that the model cannot read', async () => {
    const engine = await open();
    const score = (ids: number[], responseStart: number): Promise<string> =>
      codeOf(() => engine.score([{ ids: Int32Array.from(ids), responseStart }]));
    expect(await score([1, 2, 3], 0)).toMatch(/^ENGINE_SEQUENCE a response cannot start at token 0 of 3/);
    expect(await score([1, 2, 3], 4)).toMatch(/^ENGINE_SEQUENCE a response cannot start at token 4 of 3/);
    expect(await score([1, 101], 1)).toMatch(
      /^ENGINE_SEQUENCE token 101 is outside the model's vocabulary of 101/,
    );
    expect(await score([1, -1], 1)).toMatch(/^ENGINE_SEQUENCE token -1/);
    expect(await score(new Array<number>(513).fill(1), 1)).toMatch(
      /^ENGINE_SEQUENCE .*513 tokens .* 512 positions/,
    );
    expect(await codeOf(() => engine.generate([{ prompt: new Int32Array(0), sampling }]))).toMatch(
      /^ENGINE_SEQUENCE/,
    );
  });
});

const sampling = { maxNewTokens: 1, temperature: 0 };
