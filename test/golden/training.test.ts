// Training against PyTorch: AdamW, objectives on hand-made log-probs, every weight's gradient, whole trajectories.
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { afterAll, describe, expect, it } from 'vitest';
import { compileAdamW } from '../../src/engine/adamw.ts';
import type { OnnxEngine, OptimizerSettings } from '../../src/engine/index.ts';
import { defaultAdamW, defaultLora, openEngine } from '../../src/engine/index.ts';
import { testDevice } from '../device.ts';
import { compile } from '../../src/engine/session.ts';
import { add, cast, dim, grad, input, mul, neg, sum } from '../../src/graph/index.ts';
import { readAdapter, readDecoderConfig } from '../../src/models/index.ts';
import { cut, likelihood } from '../../src/objectives/index.ts';
import type { TokenComparison } from '../../src/objectives/index.ts';
import type { GoldenTriplet } from './golden.ts';
import { modelDir, readFloats, readJson, relativeError, toExample } from './golden.ts';
import type { Recipe } from './trajectory.ts';
import { followTrajectory, objectiveOf } from './trajectory.ts';

const readShared = <T>(file: string): T =>
  JSON.parse(readFileSync(fileURLToPath(new URL(file, import.meta.url)), 'utf8')) as T;

const still: OptimizerSettings = { ...defaultAdamW, learningRate: 0, maxGradNorm: 0 };
const engines: OnnxEngine[] = [];
afterAll(() => Promise.all(engines.map((e) => e.dispose())));

it('updates parameters as torch.optim.AdamW does', async () => {
  interface Golden {
    settings: { learning_rate: number; beta1: number; beta2: number; epsilon: number; weight_decay: number };
    start: number[];
    gradients: number[][];
    parameters: number[][];
  }
  const { settings, start, gradients, parameters } = readShared<Golden>('adamw.json');
  const n = start.length;
  const optimizer = await compileAdamW({ parameters: [], total: n, decayed: n }, 1);
  const state = {
    parameters: Float32Array.from(start),
    firstMoment: new Float32Array(n),
    secondMoment: new Float32Array(n),
  };
  for (const [k, gradient] of gradients.entries()) {
    await optimizer.update(state, Float32Array.from(gradient), 1, k + 1, {
      learningRate: settings.learning_rate,
      beta1: settings.beta1,
      beta2: settings.beta2,
      epsilon: settings.epsilon,
      weightDecay: settings.weight_decay,
      maxGradNorm: 0,
    });
    expect(relativeError(state.parameters, parameters[k]!)).toBeLessThan(1e-6);
  }
  await optimizer.release();
});

interface HandMade extends Recipe {
  readonly triplets: { plain: number[]; judged: number[] | null }[];
  readonly l1: number;
  readonly l2: number;
  readonly flags: (number[] | null)[];
  readonly gradients: { plain: number[]; judged: number[] | null }[];
}

describe.each(
  readShared<HandMade[]>('objectives.json').map((c, i) => ({
    ...c,
    title: `${c.kind} ${JSON.stringify(c.settings)} ${c.normalize} #${i}`,
  })),
)('on hand-made log-probs, $title', (golden) => {
  it('gives the loss, the flags and d loss / d log-prob', async () => {
    const objective = objectiveOf(golden);
    const weights = objective.weigh(
      golden.triplets.map(({ plain, judged }) => ({
        tokens: { plain: plain.length, ...(judged && { judged: judged.length }) },
        rejected: judged !== null,
      })),
    );
    const [plain, judged, wContrast, wPlain, wJudged] = ['plain', 'judged', 'wc', 'wp', 'wj'].map((name) =>
      input(name, 'float32', [dim('n')]),
    );
    const comparison = (objective.comparison ?? cut().comparison) as TokenComparison;
    const { loss, flagged } = comparison.compare(plain!, [judged!], {});
    const l1 = sum(mul(wContrast!, loss));
    const l2 = neg(add(sum(mul(wPlain!, plain!)), sum(mul(wJudged!, judged!))));
    const [dPlain, dJudged] = grad(add(l1, l2), [plain!, judged!]);
    const session = await compile(
      { l1, l2, dPlain: dPlain!, dJudged: dJudged!, flagged: cast(flagged, 'float32') },
      { threads: 1 },
    );
    let [l1Sum, l2Sum] = [0, 0];
    for (const [i, triplet] of golden.triplets.entries()) {
      const n = triplet.plain.length;
      const vector = (data: number[] | number): { data: Float32Array; dims: number[] } => ({
        data: typeof data === 'number' ? new Float32Array(n).fill(data) : Float32Array.from(data),
        dims: [n],
      });
      const { likelihood, comparison: compared } = weights[i]!;
      const out = await session.run({
        plain: vector(triplet.plain),
        judged: vector(triplet.judged ?? -1),
        wc: vector(compared),
        wp: vector(likelihood.plain ?? 0),
        wj: vector(likelihood.judged ?? 0),
      });
      l1Sum += out.l1![0]!;
      l2Sum += out.l2![0]!;
      const expected = golden.gradients[i]!;
      if (compared > 0) expect([...out.flagged!]).toEqual(golden.flags[i]);
      expect(relativeError(out.dPlain!, expected.plain)).toBeLessThan(1e-5);
      if (expected.judged) expect(relativeError(out.dJudged!, expected.judged)).toBeLessThan(1e-5);
    }
    expect(Math.abs(l1Sum - golden.l1)).toBeLessThanOrEqual(1e-5 * Math.abs(golden.l1));
    expect(Math.abs(l2Sum - golden.l2)).toBeLessThanOrEqual(1e-5 * Math.abs(golden.l2));
    await session.release();
  });
});

describe.each(['llama3', 'gemma', 'phi3', 'olmo2', 'gemma2', 'gemma3'])(
  '%s, every weight trained',
  (family) => {
    it('gives the gradients of transformers', async () => {
      const { triplets } = readJson<{ triplets: GoldenTriplet[] }>(family, 'losses.json');
      const { loss } = readJson<{ loss: number }>(family, 'full-loss.json');
      const engine = await openEngine({
        modelDir: modelDir(family),
        lora: null,
        threads: 1,
        device: testDevice,
      });
      engines.push(engine);
      const metrics = await engine.step(
        triplets.map(toExample),
        likelihood({ includeRejected: true }),
        still,
      );
      expect(Math.abs(metrics.loss - loss) / loss).toBeLessThan(1e-5);
      const gradients = await readFloats(`${modelDir(family)}/full-gradients.safetensors`);
      const flat = engine.gradient();
      expect(engine.layout.parameters.length).toBe(gradients.size);
      for (const { name, offset, size } of engine.layout.parameters) {
        expect(relativeError(flat.subarray(offset, offset + size), gradients.get(name)!)).toBeLessThan(1e-4);
      }
    });
  },
);

describe.each(['llama3', 'qwen3', 'granite', 'smollm3', 'phi3', 'olmo2', 'gemma2', 'gemma3'])(
  '%s, thirty steps',
  (family) => {
    it('stays with a PyTorch loop', async () => {
      const adapterDir = `${modelDir(family)}/trajectory/start`;
      const engine = await openEngine({
        modelDir: modelDir(family),
        adapterDir,
        lora: { ...defaultLora, dropout: 0 },
        threads: 1,
        device: testDevice,
      });
      engines.push(engine);
      await followTrajectory(engine, modelDir(family));
      const config = await readDecoderConfig(modelDir(family));
      const final = await readAdapter(`${modelDir(family)}/trajectory/final`, config);
      const { parameters } = engine.trainingState();
      for (const { name, offset, size } of engine.layout.parameters) {
        expect(
          relativeError(parameters.subarray(offset, offset + size), final.tensors.get(name)!.data),
        ).toBeLessThan(1e-3);
      }
    });
  },
);
