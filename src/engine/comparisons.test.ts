// Comparisons in the engine: which log-probs reach an objective, and that its gradient is that of its loss.
import { afterAll, describe, expect, it } from 'vitest';
import type { GoldenTriplet } from '../../test/golden/golden.ts';
import { modelDir, readJson, relativeError, toExample } from '../../test/golden/golden.ts';
import { add, exp, greater, less, log, mul, neg, sigmoid, sub, sum } from '../graph/index.ts';
import type { Comparison, ExampleWeights, Objective, Witness } from '../objectives/index.ts';
import { cut, likelihood } from '../objectives/index.ts';
import { createRandom } from '../random.ts';
import type { OptimizerSettings, TokenExample } from './engine.ts';
import type { OnnxEngine } from './onnx-engine.ts';
import { openEngine } from './onnx-engine.ts';
import { defaultAdamW, defaultLora } from './options.ts';

const engines: OnnxEngine[] = [];
afterAll(() => Promise.all(engines.map((engine) => engine.dispose())));
const still: OptimizerSettings = { ...defaultAdamW, learningRate: 0, maxGradNorm: 0 };
const { triplets } = readJson<{ triplets: GoldenTriplet[] }>('llama3', 'losses.json');
const [positives, negatives] = [false, true].map((rejected) =>
  triplets.map(toExample).filter((example) => example.rejected === rejected),
);
const everySequence = [...positives!, ...negatives!].flatMap(({ sequences }) => Object.values(sequences));
/** An example whose preferred response is another one's. */
const pair = (example: TokenExample, other: TokenExample): TokenExample => ({
  ...example,
  sequences: { plain: example.sequences.plain!, preferred: other.sequences.plain! },
});

const objectiveOf = (weights: readonly ExampleWeights[], comparison?: Comparison): Objective => ({
  name: 'test',
  weigh: () => [...weights],
  ...(comparison && { comparison }),
});
const sumOf = (xs: Iterable<number>): number => [...xs].reduce((a, b) => a + b, 0);

describe.each([
  ['a batch a run, an adapter continued', true, true],
  ['a sequence a run, an adapter continued', false, true],
  ['a batch a run, a fresh adapter', true, false],
])('%s', (_, wholeBatches, continued) => {
  const open = async (): Promise<OnnxEngine> => {
    const adapterDir = `${modelDir('llama3')}/adapter`;
    const lora = { ...defaultLora, dropout: 0 };
    const engine = await openEngine({
      modelDir: modelDir('llama3'),
      ...(continued && { adapterDir }),
      lora,
      threads: 1,
      wholeBatches,
    });
    engines.push(engine);
    // Away from where training began, so that the initial model and the present one differ.
    const before = await engine.score(everySequence);
    await engine.step(positives!, likelihood(), { ...still, learningRate: 0.02 });
    expect(await engine.score(everySequence, 'initial')).toEqual(before);
    expect(await engine.score(everySequence)).not.toEqual(before);
    return engine;
  };

  it('compares pairs by how far both whole responses have moved from the start of training', async () => {
    const engine = await open();
    const batch = [
      pair(negatives![0]!, positives![0]!),
      positives![0]!,
      pair(negatives![1]!, negatives![0]!),
    ];
    const sequences = [0, 2].map((i) => batch[i]!.sequences);
    const movedBy = async (role: 'preferred' | 'plain'): Promise<number[]> => {
      const own = sequences.map((each) => each[role]!);
      const [now, before] = [await engine.score(own), await engine.score(own, 'initial')];
      return own.map((_, i) => sumOf(now[i]!) - sumOf(before[i]!));
    };
    const [preferred, plain] = [await movedBy('preferred'), await movedBy('plain')];
    const beta = 0.3;
    const share = [0.5, 0.2];
    const metrics = await engine.step(
      batch,
      objectiveOf(
        [
          { likelihood: {}, comparison: share[0]! },
          { likelihood: { plain: 0.1 }, comparison: 0 },
          { likelihood: {}, comparison: share[1]! },
        ],
        { over: 'pairs', compare: (better, worse) => neg(log(sigmoid(mul(sub(better, worse), beta)))) },
      ),
      still,
    );
    const gradient = engine.gradient();
    const margins = preferred.map((x, i) => beta * (x - plain[i]!));
    const expected = sumOf(margins.map((m, i) => share[i]! * Math.log1p(Math.exp(-m))));
    expect(metrics.parts.comparison).toBeCloseTo(expected, 4);
    // d loss / d log p is -beta sigmoid(-margin) for each token of the better, and the opposite for the worse.
    const pull = margins.map((m, i) => (share[i]! * beta) / (1 + Math.exp(m)));
    const total = new Float64Array(gradient.length);
    const addLikelihood = async (example: TokenExample, weight: number): Promise<void> => {
      await engine.step([example], objectiveOf([{ likelihood: { plain: 1 }, comparison: 0 }]), still);
      engine.gradient().forEach((g, i) => (total[i]! += weight * g));
    };
    await addLikelihood(positives![0]!, 0.1);
    for (const [i, { preferred: better, plain: worse }] of sequences.entries()) {
      await addLikelihood({ index: 0, rejected: false, sequences: { plain: better! } }, pull[i]!);
      await addLikelihood({ index: 0, rejected: false, sequences: { plain: worse! } }, -pull[i]!);
    }
    expect(relativeError(gradient, total)).toBeLessThan(1e-4);
  });

  it.each(['present', 'initial'] as const)(
    'asks a witness for its log-probs, of the %s model',
    async (model) => {
      const engine = await open();
      const batch = [...negatives!, positives![0]!];
      const metrics = await engine.step(
        batch,
        objectiveOf(
          batch.map(({ rejected }) => ({
            likelihood: rejected ? {} : { plain: 0.1 },
            comparison: rejected ? 0.25 : 0,
          })),
          {
            over: 'tokens',
            witnesses: [{ role: 'judged', model }],
            compare: (plain, [judged]) => ({ loss: mul(judged!, plain), flagged: less(plain, judged!) }),
          },
        ),
        still,
      );
      const own = negatives!.map(({ sequences }) => sequences);
      const plain = await engine.score(own.map((each) => each.plain!));
      const judged = await engine.score(
        own.map((each) => each.judged!),
        model,
      );
      const products = plain.map((p, i) => sumOf(p.map((x, t) => x * judged[i]![t]!)));
      expect(metrics.parts.comparison).toBeCloseTo(0.25 * sumOf(products), 3);
      expect(metrics.flaggedTokens).toBe(
        sumOf(plain.map((p, i) => p.filter((x, t) => x < judged[i]![t]!).length)),
      );
      expect(metrics.comparedTokens).toBe(sumOf(plain.map((p) => p.length)));
    },
  );

  it('hands marks to the comparison, each to the tokens of its own response', async () => {
    const engine = await open();
    const own = negatives!.map(({ sequences }) => sequences);
    const [plain, judged] = [
      await engine.score(own.map((each) => each.plain!)),
      await engine.score(own.map((each) => each.judged!)),
    ];
    const lambda = 1.2;
    const detected = plain.map((p, i) => Array.from(p, (x, t) => judged[i]![t]! > x + Math.log(lambda)));
    const run = async (batch: readonly TokenExample[], flaggedBy: 'judgment' | 'marks' | 'both') => {
      const { loss, flaggedTokens } = await engine.step(batch, cut({ lambda, flaggedBy }), still);
      return { loss, flaggedTokens, gradient: Float32Array.from(engine.gradient()) };
    };
    const count = (flags: readonly (readonly boolean[])[]): number => flags.flat().filter(Boolean).length;
    const batch = [positives![0]!, ...negatives!];
    const usual = await run(batch, 'judgment');
    expect(usual.flaggedTokens).toBe(count(detected));
    const marking = (marks: readonly (readonly boolean[] | undefined)[]): TokenExample[] => [
      positives![0]!,
      ...negatives!.map((example, i) => ({ ...example, ...(marks[i] && { marked: marks[i] }) })),
    ];
    // What the judgment flags, marked by hand, and a response that nobody marked beside it.
    for (const marks of [detected, [undefined, ...detected.slice(1)]])
      expect(await run(marking(marks), 'marks')).toEqual(usual);
    const others = detected.map((flags) => flags.map((_, t) => t % 3 === 0));
    const marked = await run(marking(others), 'marks');
    expect(marked.flaggedTokens).toBe(count(others));
    expect(relativeError(marked.gradient, usual.gradient)).toBeGreaterThan(1e-3);
    const both = await run(marking(others), 'both');
    expect(both.flaggedTokens).toBe(
      count(detected.map((flags, i) => flags.map((f, t) => f || others[i]![t]!))),
    );
    await expect(run([{ ...negatives![0]!, marked: [true] }], 'marks')).rejects.toMatchObject({
      code: 'ENGINE_SEQUENCE',
    });
  });

  it('hands advantages to the comparison, and a number that changes from step to step', async () => {
    const engine = await open();
    const batch = negatives!.map((example, i) => ({ ...example, advantage: i + 1 }));
    const objective: Objective = {
      name: 'told',
      weigh: (rows) => rows.map(({ advantage }) => ({ likelihood: {}, comparison: advantage! > 0 ? 1 : 0 })),
      comparison: {
        over: 'tokens',
        witnesses: [{ role: 'judged', model: 'present' }],
        advantages: true,
        schedule: (step) => step + 1,
        compare: (plain, _, { advantages, scheduled }) => ({
          loss: add(mul(advantages!, scheduled!), mul(plain, 0)),
          flagged: greater(advantages!, 1),
        }),
      },
    };
    const tokens = batch.map(({ sequences: { plain } }) => plain!.ids.length - plain!.responseStart);
    const expected = sumOf(tokens.map((count, i) => count * (i + 1)));
    for (let i = 0; i < 3; i++) {
      const { step } = engine.trainingState();
      const { loss, flaggedTokens } = await engine.step(batch, objective, still);
      expect(loss / (expected * (step + 1)), `step ${step}`).toBeCloseTo(1, 5);
      expect(flaggedTokens).toBe(sumOf(tokens.slice(1)));
    }
  });

  it('compares whole distributions with a gradient that is that of the loss', async () => {
    const engine = await open();
    const batch = [...negatives!, positives![0]!];
    const divergence = (role: 'plain' | 'judged', model: Witness['model']): Objective =>
      objectiveOf(
        batch.map(({ rejected }) => ({
          likelihood: rejected ? {} : { plain: 0.1 },
          comparison: rejected ? 0.05 : 0,
        })),
        {
          over: 'distributions',
          witness: { role, model },
          compare: (plain, witness) => sum(mul(exp(plain), sub(plain, witness)), { axes: [-1] }),
        },
      );
    const itself = await engine.step(batch, divergence('plain', 'present'), still);
    expect(Math.abs(itself.parts.comparison!)).toBeLessThan(1e-5);

    const objective = divergence('judged', 'initial');
    const { parts } = await engine.step(batch, objective, still);
    expect(parts.comparison).toBeGreaterThan(0.01);
    const gradient = engine.gradient();
    const start = engine.trainingState();
    const random = createRandom(5);
    const direction = gradient.map((g) => g + 0.1 * (random.float() - 0.5) * Math.abs(g));
    const norm = Math.hypot(...direction);
    const lossAt = async (h: number): Promise<number> => {
      engine.restore({
        ...start,
        parameters: start.parameters.map((x, i) => x + (h * direction[i]!) / norm),
      });
      return (await engine.step(batch, objective, still)).loss;
    };
    const h = 0.02;
    const slope = ((await lossAt(h)) - (await lossAt(-h))) / (2 * h);
    const expected = sumOf(gradient.map((g, i) => (g * direction[i]!) / norm));
    expect(Math.abs(slope - expected)).toBeLessThan(0.02 * Math.abs(expected));
  });
});
