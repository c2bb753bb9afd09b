// A deterministic stand-in for the ONNX engine: its parameters, moments and losses follow from the token ids it
// is shown, so that order, resume and kill tests mean something without a model. Knows nothing of transformers.
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Engine, Sequence, TokenTriplet, TrainingState } from '../../src/engine/engine.ts';
import { WhetstoneError } from '../../src/errors.ts';

export interface FakeOptions {
  readonly seed: number;
  readonly parameters?: number;
  /** Milliseconds a step takes. */
  readonly delay?: number;
  /** Throws NON_FINITE_LOSS at this step, counted from 1. */
  readonly nonFiniteAt?: number;
  /** Writes the adapter's weights there instead: /dev/full is a full disk. */
  readonly adapterTo?: string;
}

const size = (options: FakeOptions): number => options.parameters ?? 64;

export function fakeEngine(options: FakeOptions): Engine {
  let parameters = Float32Array.from({ length: size(options) }, (_, i) => Math.sin(options.seed * 31 + i));
  let firstMoment = new Float32Array(size(options));
  let secondMoment = new Float32Array(size(options));
  let step = 0;
  // Noise that depends on (seed, step), like dropout.
  const noise = (i: number): number => 1 + 0.05 * Math.sin(options.seed + 7 * step + i);
  const gradientOf = (triplet: TokenTriplet): Float64Array => {
    const gradient = new Float64Array(parameters.length);
    triplet.plain.ids.forEach((id, at) => {
      const i = (id + at) % parameters.length;
      gradient[i]! += (parameters[i]! - Math.cos(id)) * noise(i);
    });
    return gradient;
  };
  const logprobs = ({ ids, responseStart }: Sequence): Float32Array =>
    Float32Array.from(
      ids.subarray(responseStart),
      (id, at) => -1 - Math.abs(Math.sin(id * 3 + responseStart + at)),
    );
  return {
    score: (sequences) => Promise.resolve(sequences.map(logprobs)),
    step: async (batch, _objective, optimizer) => {
      await sleep(options.delay ?? 0);
      if (step + 1 === options.nonFiniteAt) throw new WhetstoneError('NON_FINITE_LOSS', 'the loss is NaN');
      const gradient = new Float64Array(parameters.length);
      for (const triplet of batch) gradientOf(triplet).forEach((g, i) => (gradient[i]! += g / batch.length));
      const gradNorm = Math.hypot(...gradient);
      const scale = optimizer.maxGradNorm > 0 ? Math.min(1, optimizer.maxGradNorm / (gradNorm + 1e-6)) : 1;
      step += 1;
      const next = { p: parameters.slice(), m: firstMoment.slice(), v: secondMoment.slice() };
      gradient.forEach((raw, i) => {
        const g = raw * scale;
        next.m[i] = optimizer.beta1 * next.m[i]! + (1 - optimizer.beta1) * g;
        next.v[i] = optimizer.beta2 * next.v[i]! + (1 - optimizer.beta2) * g * g;
        const m = next.m[i] / (1 - optimizer.beta1 ** step);
        const v = next.v[i] / (1 - optimizer.beta2 ** step);
        next.p[i]! -=
          optimizer.learningRate *
          (m / (Math.sqrt(v) + optimizer.epsilon) + optimizer.weightDecay * next.p[i]!);
      });
      ({ p: parameters, m: firstMoment, v: secondMoment } = next);
      const judged = batch.filter((triplet) => triplet.judged !== null);
      const length = (t: TokenTriplet): number => t.plain.ids.length - t.plain.responseStart;
      const contrastedTokens = judged.reduce((sum, t) => sum + length(t), 0);
      const l2 = Math.hypot(...parameters) / batch.length;
      const l1 = judged.length / batch.length;
      return {
        loss: l1 + l2,
        parts: { l1, l2 },
        flaggedTokens: Math.floor(contrastedTokens / 3),
        contrastedTokens,
        responseTokens: batch.reduce((sum, t) => sum + length(t), 0),
        gradNorm,
      };
    },
    generate: (prompts, sampling) =>
      Promise.resolve(
        prompts.map((ids) => ({
          ids: Int32Array.from(ids.slice(-Math.min(sampling.maxNewTokens, 4))),
          finished: true,
        })),
      ),
    trainingState: (): TrainingState => ({
      parameters: parameters.slice(),
      firstMoment: firstMoment.slice(),
      secondMoment: secondMoment.slice(),
      step,
    }),
    restore: (state) => {
      parameters = Float32Array.from(state.parameters);
      firstMoment = Float32Array.from(state.firstMoment);
      secondMoment = Float32Array.from(state.secondMoment);
      step = state.step;
    },
    saveAdapter: async (dir) => {
      await writeFile(join(dir, 'adapter_config.json'), '{}\n');
      await writeFile(
        options.adapterTo ?? join(dir, 'adapter_model.safetensors'),
        new Uint8Array(parameters.buffer.slice(0)),
      );
    },
    dispose: () => Promise.resolve(),
  };
}

/** `count` triplets of varied length; every second one has a judged side. */
export function fakeTriplets(count: number): TokenTriplet[] {
  return Array.from({ length: count }, (_, index) => {
    const prompt = [1, 2 + (index % 5)];
    const response = Array.from(
      { length: 3 + (index % 4) },
      (_unused, at) => 10 + ((index * 7 + at * 3) % 50),
    );
    const plain = { ids: Int32Array.from([...prompt, ...response]), responseStart: 2 };
    const judged = { ids: Int32Array.from([...prompt, 99, ...response]), responseStart: 3 };
    return { index, plain, judged: index % 2 ? judged : null };
  });
}
