// What scoring and gradients must not depend on: later tokens, tokens beyond the window, how queries are cut
// into blocks, how a batch is cut.
import { afterAll, describe, expect, it } from 'vitest';
import type { GoldenSequence, GoldenTriplet } from '../../test/golden/golden.ts';
import {
  maxDifference,
  modelDir,
  readJson,
  relativeError,
  toSequence,
  toExample,
} from '../../test/golden/golden.ts';
import type { Trainable } from '../models/index.ts';
import { openCheckpoint, readDecoderConfig } from '../models/index.ts';
import { cut } from '../objectives/index.ts';
import type { OptimizerSettings, Sequence } from './engine.ts';
import type { OnnxEngine } from './onnx-engine.ts';
import { openEngine } from './onnx-engine.ts';
import { defaultAdamW, defaultLora } from './options.ts';
import { blockArrangement, gridArrangement } from './arrangement.ts';
import type { Arrangement } from './arrangement.ts';
import { initialLora, layOut, views } from './parameters.ts';
import { createRandom } from '../random.ts';
import { compile } from './session.ts';
import { feeds, traceStep } from './step-graph.ts';

const engines: OnnxEngine[] = [];
afterAll(() => Promise.all(engines.map((engine) => engine.dispose())));
const open = async (
  model: string,
  options: Partial<Parameters<typeof openEngine>[0]> = {},
): Promise<OnnxEngine> => {
  const engine = await openEngine({ modelDir: modelDir(model), threads: 1, ...options });
  engines.push(engine);
  return engine;
};

const randomTokens = (count: number, vocabSize: number, ...key: number[]): Int32Array => {
  const random = createRandom(0, ...key);
  return Int32Array.from({ length: count }, () => Math.floor(random.float() * vocabSize));
};
const whole = (ids: Int32Array): Sequence => ({ ids, responseStart: 1 });

describe.each([
  'llama3',
  'mistral',
  'qwen2',
  'qwen3',
  'gemma',
  'mistral-fp16',
  'smollm3',
  'gemma2',
  'gemma3',
])('%s', (model) => {
  it('scores a token by what lies before it alone', async () => {
    const engine = await open(model);
    const { vocabSize } = engine.describe();
    const ids = randomTokens(30, vocabSize, 1);
    const [scores] = await engine.score([whole(ids)]);
    for (const at of [2, 10, 29]) {
      const changed = ids.map((id, i) => (i < at ? id : (id + 1 + (i % 7)) % vocabSize));
      const [other] = await engine.score([whole(changed)]);
      // Entry k scores token k + 1 after tokens 0 ... k.
      expect(other!.subarray(0, at - 1)).toEqual(scores!.subarray(0, at - 1));
      expect(other![at - 1]).not.toBe(scores![at - 1]);
    }
  });

  it('scores a response alike wherever the response is said to begin', async () => {
    const engine = await open(model);
    const ids = randomTokens(25, engine.describe().vocabSize, 2);
    const [all] = await engine.score([whole(ids)]);
    for (const responseStart of [2, 13, 24]) {
      const [some] = await engine.score([{ ids, responseStart }]);
      expect(maxDifference(some!, all!.subarray(responseStart - 1))).toBeLessThan(1e-5);
    }
    expect((await engine.score([{ ids, responseStart: 25 }]))[0]!.length).toBe(0);
  });

  it('scores with probabilities', async () => {
    const engine = await open(model);
    const [scores] = await engine.score([whole(randomTokens(200, engine.describe().vocabSize, 3))]);
    expect(scores!.every((x) => x < 0)).toBe(true);
  });
});

it('a sliding window lets nothing through from beyond layers * (window - 1) positions', async () => {
  const { windows, layers, vocabSize } = await readDecoderConfig(modelDir('mistral'));
  expect([windows, layers]).toEqual([[8, 8], 2]);
  const engine = await open('mistral');
  const ids = randomTokens(60, vocabSize, 4);
  const [scores] = await engine.score([whole(ids)]);
  const at = 20;
  const [other] = await engine.score([whole(ids.map((id, i) => (i === at ? (id + 1) % vocabSize : id)))]);
  // The hidden state of position i sees positions i - 14 and later; it scores token i + 1, entry i.
  const last = at + layers * (8 - 1);
  expect(other!.subarray(last + 1)).toEqual(scores!.subarray(last + 1));
  expect(other!.subarray(0, at - 1)).toEqual(scores!.subarray(0, at - 1));
  expect(other![last]).not.toBe(scores![last]);
  // Without a window every later token feels the change.
  const unlimited = await open('llama2');
  const tokens = ids.map((id) => id % 96);
  const [base] = await unlimited.score([whole(tokens)]);
  const [changed] = await unlimited.score([whole(tokens.map((id, i) => (i === at ? (id + 1) % 96 : id)))]);
  expect(base!.subarray(at).every((x, i) => x !== changed!.subarray(at)[i])).toBe(true);
});

describe.each(['llama3', 'mistral', 'qwen3', 'phi3', 'gemma2'])(
  '%s, its sequences arranged in other ways',
  (model) => {
    /** Log-probs and gradients of a LoRA step, a run for each of `runs`. */
    async function stepOf(
      arrangement: Arrangement,
      runs: readonly (readonly Sequence[])[],
    ): Promise<Record<string, Float32Array>[]> {
      const dir = modelDir(model);
      const [config, checkpoint] = [await readDecoderConfig(dir), await openCheckpoint(dir)];
      const targetModules = ['q_proj', 'k_proj', 'v_proj', 'o_proj', 'down_proj'];
      const trainable: Trainable = {
        kind: 'lora',
        lora: { ...defaultLora, rank: 2, dropout: 0, targetModules },
      };
      const { outputs, weights } = traceStep({ config, checkpoint, trainable, arrangement }, cut());
      const layout = layOut(
        [...weights.inputs].map(([name, { shape }]) => ({ name, shape: shape as number[] })),
      );
      const random = createRandom(8);
      const parameters = initialLora(layout, random).map((x) => x || random.float() - 0.5);
      const session = await compile(outputs, { root: checkpoint.root, threads: 1 });
      const results: Record<string, Float32Array>[] = [];
      for (const sequences of runs) {
        const count = sequences.reduce((sum, { ids, responseStart }) => sum + ids.length - responseStart, 0);
        const perToken = (value: number): { data: Float32Array; dims: number[] } => ({
          data: new Float32Array(count).fill(value),
          dims: [count],
        });
        results.push(
          await session.run({
            ...views(layout, parameters),
            ...arrangement.feeds(sequences),
            [feeds.likelihoodWeight]: perToken(0.5),
            [feeds.comparisonWeight]: perToken(0.25),
            [feeds.witness(0)]: perToken(-1),
          }),
        );
      }
      await session.release();
      return results;
    }

    const expectSame = (
      found: Record<string, Float32Array>,
      wanted: Record<string, Float32Array>,
      where: string,
    ): void => {
      for (const [name, values] of Object.entries(found)) {
        const error = Math.hypot(...values.map((x, k) => x - wanted[name]![k]!));
        expect(values.length, `${name}, ${where}`).toBe(wanted[name]!.length);
        // Some gradients are zero but for rounding: those of a query that sees one key alone.
        expect(error, `${name}, ${where}`).toBeLessThan(2e-5 * (Math.hypot(...wanted[name]!) + 1));
      }
    };

    it('gives the same log-probs and gradients', async () => {
      const { vocabSize } = await readDecoderConfig(modelDir(model));
      // Among them sequences of fewer tokens than blocks.
      const sequences = [3, 4, 5, 6, 7, 9, 23, 40].map((length) => ({
        ids: randomTokens(length, vocabSize, 5, length),
        responseStart: Math.ceil(length / 3),
      }));
      const each = sequences.map((sequence) => [sequence]);
      const expected = await stepOf(blockArrangement(1, 1), each);
      for (const [name, arrangement] of [
        ['in 2 blocks', blockArrangement(1, 2)],
        ['in 4 blocks', blockArrangement(1, 4)],
        ['in a grid', gridArrangement()],
      ] as const) {
        for (const [i, found] of (await stepOf(arrangement, each)).entries()) {
          expectSame(found, expected[i]!, `${sequences[i]!.ids.length} tokens ${name}`);
        }
      }
      // Several sequences in one run: log-probs one after the other, gradients added up.
      const joined = (parts: readonly Record<string, Float32Array>[]): Record<string, Float32Array> =>
        Object.fromEntries(
          Object.keys(parts[0]!).map((name) => [
            name,
            name.startsWith('grad.')
              ? parts[0]![name]!.map((_, k) => parts.reduce((sum, part) => sum + part[name]![k]!, 0))
              : Float32Array.from(parts.flatMap((part) => [...part[name]!])),
          ]),
        );
      const [grid] = await stepOf(gridArrangement(), [sequences]);
      expectSame(grid!, joined(expected), 'all in one grid');
      const [pair] = await stepOf(blockArrangement(2, 4), [[sequences[7]!, sequences[0]!]]);
      expectSame(pair!, joined([expected[7]!, expected[0]!]), 'two in blocks');
    });
  },
);

describe('a batch', () => {
  const still: OptimizerSettings = { ...defaultAdamW, learningRate: 0, maxGradNorm: 0 };
  const { triplets } = readJson<{ triplets: GoldenTriplet[] }>('llama3', 'losses.json');
  const adapterDir = `${modelDir('llama3')}/adapter`;

  it('has the loss and gradient of its triplets, each weighted as the normalization says', async () => {
    const engine = await open('llama3', { adapterDir });
    const batch = triplets.map(toExample);
    const tokens = batch.map(({ sequences }) => sequences.plain!.ids.length - sequences.plain!.responseStart);
    const total = tokens.reduce((a, b) => a + b, 0);
    for (const normalize of ['triplets', 'tokens'] as const) {
      const objective = cut({ normalize });
      const expected = new Float64Array(engine.layout.total);
      let [loss, flagged] = [0, 0];
      for (const [i, triplet] of batch.entries()) {
        const share = normalize === 'triplets' ? 1 / batch.length : tokens[i]! / total;
        const metrics = await engine.step([triplet], objective, still);
        loss += share * metrics.loss;
        flagged += metrics.flaggedTokens;
        engine.gradient().forEach((g, j) => (expected[j]! += share * g));
      }
      const metrics = await engine.step(batch, objective, still);
      expect(Math.abs(metrics.loss - loss)).toBeLessThan(1e-6 * Math.abs(loss));
      expect([metrics.flaggedTokens, metrics.responseTokens]).toEqual([flagged, total]);
      expect(metrics.loss).toBeCloseTo(metrics.parts.l1! + metrics.parts.l2!, 12);
      expect(relativeError(engine.gradient(), expected)).toBeLessThan(1e-6);
      const norm = Math.sqrt(expected.reduce((sum, g) => sum + g * g, 0));
      expect(Math.abs(metrics.gradNorm - norm)).toBeLessThan(1e-6 * norm);
    }
  });

  it('does not depend on the order of its triplets', async () => {
    const engine = await open('llama3', { adapterDir });
    const objective = cut();
    const batch = triplets.map(toExample);
    const first = await engine.step(batch, objective, still);
    const gradient = engine.gradient();
    const second = await engine.step([...batch].reverse(), objective, still);
    expect(Math.abs(second.loss - first.loss)).toBeLessThan(1e-6 * Math.abs(first.loss));
    expect(relativeError(engine.gradient(), gradient)).toBeLessThan(1e-6);
  });

  it('leaves what was scored before as it was', async () => {
    const engine = await open('llama3', { adapterDir });
    const sequences = readJson<GoldenSequence[]>('llama3', 'sequences.json').map(toSequence);
    const before = await engine.score(sequences);
    await engine.step(triplets.map(toExample), cut(), still);
    expect(await engine.score(sequences)).toEqual(before);
    expect(await engine.score([...sequences].reverse())).toEqual([...before].reverse());
  });
});
