// A deterministic stand-in for the ONNX engine: its parameters, moments and losses follow from the token ids it
// is shown, so that order, resume and kill tests mean something without a model. Knows nothing of transformers.
import { writeFile } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Engine, OpenEngine, Sequence, TokenExample, TrainingState } from '../../src/engine/engine.ts';
import { WhetstoneError } from '../../src/errors.ts';
import { isTarget, projectionNames, readAdapter, writeAdapter } from '../../src/models/index.ts';
import type { Adapter, LoraConfig } from '../../src/models/index.ts';
import { tinyLayers } from './fixtures.ts';

export interface FakeOptions {
  readonly seed: number;
  /** Trainable parameters. */
  readonly parameters?: number;
  readonly modelParameters?: number;
  readonly vocabSize?: number;
  /** Estimated peak of memory in bytes. */
  readonly peak?: number;
  /** Milliseconds a step takes. */
  readonly delay?: number;
  /** Milliseconds a call to generate takes, and how much later each response is there than the one before. */
  readonly generateDelay?: number;
  readonly responseDelay?: number;
  /** Milliseconds a call to score takes. */
  readonly scoreDelay?: number;
  /** Parameters to begin with: those of a saved adapter. */
  readonly start?: Float32Array;
  /** What saved adapters say of themselves. */
  readonly lora?: LoraConfig | null;
  /** What generate answers to every prompt; default four tokens of the prompt, which depend on the parameters. */
  readonly generated?: readonly number[];
  /** Throws NON_FINITE_LOSS at this step, counted from 1. */
  readonly nonFiniteAt?: number;
  /** Writes the adapter's weights there instead: /dev/full is a full disk. */
  readonly adapterTo?: string;
}

const size = (options: FakeOptions): number => options.parameters ?? 64;

export function fakeEngine(
  options: FakeOptions,
): Omit<Engine, 'trainingState'> & { trainingState(): TrainingState } {
  let parameters = options.start
    ? Float32Array.from(options.start)
    : Float32Array.from({ length: size(options) }, (_, i) => Math.sin(options.seed * 31 + i));
  let firstMoment = new Float32Array(size(options));
  let secondMoment = new Float32Array(size(options));
  let step = 0;
  let respondedAt = 0;
  // Noise that depends on (seed, step), like dropout.
  const noise = (i: number): number => 1 + 0.05 * Math.sin(options.seed + 7 * step + i);
  const gradientOf = ({ sequences }: TokenExample): Float64Array => {
    const gradient = new Float64Array(parameters.length);
    for (const [role, { ids }] of Object.entries(sequences)) {
      if (role === 'judged') continue; // as in CUT, it only says what is flagged
      ids.forEach((id, at) => {
        const i = (id + at) % parameters.length;
        gradient[i]! += (parameters[i]! - Math.cos(id)) * noise(i);
      });
    }
    return gradient;
  };
  const logprobs = ({ ids, responseStart }: Sequence): Float32Array =>
    Float32Array.from(
      ids.subarray(responseStart),
      (id, at) => -1 - Math.abs(Math.sin(id * 3 + responseStart + at)),
    );
  return {
    describe: () => ({
      modelType: 'fake',
      parameters: options.modelParameters ?? 1000,
      trainableParameters: size(options),
      maxPositions: 4096,
      vocabSize: options.vocabSize ?? 100_000,
      threads: 1,
    }),
    estimateMemory: () => ({
      ...{ weights: 0, state: 0, activations: options.peak ?? 1e6 },
      ...{ head: 0, cache: 0, runtime: 0 },
    }),
    score: async (sequences) => {
      await sleep(options.scoreDelay ?? 0);
      // As in an engine, the last digits depend on what is scored together.
      const together = 1e-4 * sequences.reduce((sum, { ids }) => sum + ids.length, 0);
      return sequences.map((sequence) => logprobs(sequence).map((logProb) => logProb - together));
    },
    scoreContinuations: (groups) =>
      Promise.resolve(
        groups.map(({ context, continuations }) =>
          continuations.map((continuation) =>
            logprobs({
              ids: Int32Array.from([...context, ...continuation]),
              responseStart: context.length,
            }),
          ),
        ),
      ),
    step: async (batch, objective, optimizer) => {
      await sleep(options.delay ?? 0);
      if (step + 1 === options.nonFiniteAt) throw new WhetstoneError('NON_FINITE_LOSS', 'the loss is NaN');
      const gradient = new Float64Array(parameters.length);
      for (const example of batch) gradientOf(example).forEach((g, i) => (gradient[i]! += g / batch.length));
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
      const compared = batch.filter(({ sequences }) => Object.keys(sequences).length > 1);
      const comparedTokens = compared.reduce((sum, example) => sum + responseTokens(example), 0);
      const names = { likelihood: 'likelihood', comparison: 'comparison', ...objective.partNames };
      const likelihood = Math.hypot(...parameters) / batch.length;
      const comparison = compared.length / batch.length;
      return {
        loss: comparison + likelihood,
        parts: {
          ...(objective.comparison && { [names.comparison]: comparison }),
          [names.likelihood]: likelihood,
        },
        flaggedTokens: Math.floor(comparedTokens / 3),
        comparedTokens,
        responseTokens: batch.reduce((sum, example) => sum + responseTokens(example), 0),
        gradNorm,
      };
    },
    generate: async (requests) => {
      const turn = Math.abs(Math.round(parameters[0]! * 1e4)) % 3;
      return Promise.all(
        requests.map(async ({ prompt, sampling, onToken, signal }) => {
          const now = performance.now();
          respondedAt = Math.max(now, respondedAt) + (options.responseDelay ?? 0);
          await sleep((options.generateDelay ?? 0) + respondedAt - now);
          if (signal?.aborted) return { ids: new Int32Array(0), finish: 'aborted' as const };
          const from = middle(prompt) + turn;
          const whole = options.generated ?? prompt.slice(from, from + 4);
          const ids = Int32Array.from(whole).slice(0, sampling.maxNewTokens);
          for (const id of ids) await onToken?.({ id, logProb: -1, top: [] });
          return { ids, finish: 'end' as const };
        }),
      );
    },
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
      if (options.adapterTo !== undefined)
        await writeFile(options.adapterTo, new Uint8Array(parameters.buffer.slice(0)));
      await writeAdapter(dir, adapterOf(parameters, options.lora ?? usualLora));
    },
    dispose: () => Promise.resolve(),
  };
}

/** Opens the stand-in as engines are opened: from a saved adapter, where one is given. */
export const openFakeEngine =
  (options: Partial<FakeOptions> = {}): OpenEngine =>
  async ({ seed = 0, adapterDir, lora }) => {
    if (adapterDir === undefined) return fakeEngine({ ...options, seed, lora });
    const adapter = await readAdapter(adapterDir, { layers: tinyLayers });
    const [first] = adapter.tensors.values();
    return fakeEngine({ ...options, seed, lora: adapter.lora, start: first!.data });
  };

const usualLora: LoraConfig = {
  ...{ rank: 1, alpha: 1, rankStabilized: false, dropout: 0, targetModules: ['up_proj'] },
};

/** A PEFT adapter whose first matrix holds all parameters. */
function adapterOf(parameters: Float32Array, lora: LoraConfig): Adapter {
  const names = projectionNames({ layers: tinyLayers }).filter((name) => isTarget(lora, name));
  const matrices = names.flatMap((name) => [`${name}.lora_A.weight`, `${name}.lora_B.weight`]);
  const tensors = matrices.map((name, i) => {
    const data = i === 0 ? parameters : Float32Array.of(0);
    return [name, { shape: [1, data.length], data }] as const;
  });
  return { lora, tensors: new Map(tensors), baseModel: null };
}

const middle = (ids: Int32Array): number => Math.floor(ids.length / 2);

/** Tokens of the example's first sequence that are predicted. */
function responseTokens({ sequences }: TokenExample): number {
  const [first] = Object.values(sequences);
  return first ? first.ids.length - first.responseStart : 0;
}

/** `count` examples of varied length; every second one is rejected and has a judged sequence. */
export function fakeExamples(count: number): TokenExample[] {
  return Array.from({ length: count }, (_, index) => {
    const prompt = [1, 2 + (index % 5)];
    const response = Array.from(
      { length: 3 + (index % 4) },
      (_unused, at) => 10 + ((index * 7 + at * 3) % 50),
    );
    const plain = { ids: Int32Array.from([...prompt, ...response]), responseStart: 2 };
    const judged = { ids: Int32Array.from([...prompt, 99, ...response]), responseStart: 3 };
    return index % 2
      ? { index, rejected: true, sequences: { plain, judged } }
      : { index, rejected: false, sequences: { plain } };
  });
}
