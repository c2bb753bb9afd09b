// Self-distillation: both forms against finite differences, each other, and their limits.
import { describe, expect, it } from 'vitest';
import type { Nd } from '../graph/arrays.test-helper.ts';
import { map, mapRows, reduceAxes } from '../graph/arrays.test-helper.ts';
import { checkGradient, expectClose, uniform } from '../graph/gradient-check.test-helper.ts';
import { logSoftmax } from '../graph/index.ts';
import { evaluate, tokenComparison, total } from './evaluate.test-helper.ts';
import type { DistributionComparison } from './objective.ts';
import type { MethodSettings } from './options.ts';
import type { SelfDistillationOptions } from './self-distillation.ts';
import { selfDistillation } from './self-distillation.ts';

type Divergence = MethodSettings['divergence'];
const divergences: readonly Divergence[] = ['reverse-kl', 'forward-kl', 'jensen-shannon'];
const sum = (xs: readonly number[]): number => xs.reduce((a, b) => a + b, 0);
const logSoftmaxOf = (logits: readonly number[]): number[] => {
  const most = Math.max(...logits);
  const norm = most + Math.log(sum(logits.map((x) => Math.exp(x - most))));
  return logits.map((x) => x - norm);
};

/** One position of a response whose next token is each of the vocabulary's, as often as `sampled` says. */
const student = [0.3, -1.2, 2, 0.1, -3];
const teacher = [1.5, 0.4, -0.6, 0.1, -1];
const start = [-0.5, 0.2, 1, 0.7, -2];

describe('sampled form', () => {
  it.each([
    { importanceClip: null },
    { importanceClip: null, maxLogRatio: 0.5 },
    {},
    { importanceClip: 1.2, maxLogRatio: 1 },
  ] satisfies SelfDistillationOptions[])('agrees with finite differences: %j', async (options) => {
    const { importanceClip = 2, maxLogRatio = Infinity } = options;
    const witnesses = importanceClip === null ? 1 : 2;
    for (const dtype of ['float64', 'float32'] as const) {
      await checkGradient({
        inputs: Array.from({ length: 1 + witnesses }, () => ({ axes: 'tokens', values: uniform(-4, -0.05) })),
        trace: ([plain, ...read]) =>
          tokenComparison(selfDistillation(options)).compare(plain!, read, {}).loss,
        reference: ([p, taught, sampled]) => {
          const ratio = map((p, t) => Math.max(-maxLogRatio, Math.min(maxLogRatio, p - t)), p!, taught!);
          const importance = map(
            (p, s) => (importanceClip === null ? 1 : Math.min(importanceClip, Math.exp(p - s))),
            p!,
            sampled ?? p!,
          );
          return ([plain]) => map((x, r, i) => i * r * x, plain!, ratio, importance);
        },
        dtype,
        max: 8,
      });
    }
  });

  it('asks for the response as the first model sees it only to correct for it', () => {
    const read = (options: SelfDistillationOptions): unknown =>
      tokenComparison(selfDistillation(options)).witnesses;
    const initial = { role: 'revising', model: 'initial' };
    expect(read({})).toEqual([initial, { role: 'plain', model: 'initial' }]);
    expect(read({ importanceClip: null })).toEqual([initial]);
    expect(read({ importanceClip: null, teacher: 'current' })).toEqual([
      { role: 'revising', model: 'present' },
    ]);
  });

  it('flags what the teacher finds less likely, and stays finite where it finds it impossible', async () => {
    const found = await evaluate(
      selfDistillation(),
      [
        {
          rejected: true,
          logProbs: { plain: [-1, -1, 0, -200], revising: [-2, -0.5, -200, 0] },
          witnesses: [
            [-2, -0.5, -200, 0],
            [-1, -200, -200, 0],
          ],
        },
      ],
      'float32',
    );
    expect(found.flags).toEqual([[1, 0, 1, 0]]);
    expectClose(found.gradients[0]!.plain!, [1 / 4, (2 * -0.5) / 4, (2 * 200) / 4, -0], 1e-6, 'gradient');
  });

  // The gradient of the log-prob of token v with respect to logit k is [v = k] - p_k.
  it.each([
    { what: 'tokens of the current model', from: student, options: { importanceClip: null } },
    { what: 'tokens of the first model', from: start, options: { importanceClip: 1e9 } },
  ])('has the expected gradient of the full form: $what', async ({ from, options }) => {
    const [p, t, s] = [student, teacher, from].map(logSoftmaxOf);
    const sampled = await evaluate(selfDistillation(options), [
      { rejected: true, logProbs: { plain: p!, revising: t! }, witnesses: [t!, s!] },
    ]);
    const slopes = sampled.gradients[0]!.plain!.map((slope) => slope * p!.length);
    const expected = student.map((_, k) =>
      sum(slopes.map((slope, v) => Math.exp(s![v]!) * slope * (Number(v === k) - Math.exp(p![k]!)))),
    );
    const full = await evaluate(selfDistillation({ form: 'full' }), [
      {
        rejected: true,
        logProbs: { plain: [-1], revising: [-1] },
        logits: { plain: [student], witness: [teacher] },
      },
    ]);
    expectClose(expected, full.gradients[0]!.logits!, 1e-12, 'gradient');
    expect(Math.max(...expected.map(Math.abs))).toBeGreaterThan(0.1);
  });
});

describe('full form', () => {
  const value: Readonly<Record<Divergence, (p: number, q: number) => number>> = {
    'reverse-kl': (p, q) => p * Math.log(p / q),
    'forward-kl': (p, q) => q * Math.log(q / p),
    'jensen-shannon': (p, q) => 0.5 * (p * Math.log((2 * p) / (p + q)) + q * Math.log((2 * q) / (p + q))),
  };
  const comparison = (divergence: Divergence): DistributionComparison =>
    selfDistillation({ form: 'full', divergence }).comparison as DistributionComparison;

  it.each(divergences)('agrees with finite differences: %s', async (divergence) => {
    for (const dtype of ['float64', 'float32'] as const) {
      await checkGradient({
        inputs: ['tokens vocab', 'tokens vocab'],
        trace: ([plain, witness], { tokens }) => {
          expect(tokens).toBeDefined();
          return comparison(divergence).compare(logSoftmax(plain!), logSoftmax(witness!));
        },
        reference: ([, witness]) => {
          const softmax = (x: Nd): Nd => mapRows(x, (row) => logSoftmaxOf(row).map(Math.exp));
          const q = softmax(witness!);
          return ([plain]) => reduceAxes(map(value[divergence], softmax(plain!), q), [1], false, sum);
        },
        dtype,
        min: { tokens: 1, vocab: 2 },
        max: 5,
      });
    }
  });

  it('reads nothing but the teacher', () => {
    expect(comparison('reverse-kl').witness).toEqual({ role: 'revising', model: 'initial' });
    expect(
      (selfDistillation({ form: 'full', teacher: 'current' }).comparison as DistributionComparison).witness,
    ).toEqual({ role: 'revising', model: 'present' });
  });

  it('stays finite where a distribution has hardly any mass', async () => {
    for (const divergence of divergences) {
      const found = await evaluate(
        selfDistillation({ form: 'full', divergence }),
        [
          {
            rejected: true,
            logProbs: { plain: [-1], revising: [-1] },
            logits: { plain: [[300, 0, 0]], witness: [[0, 300, -300]] },
          },
        ],
        'float32',
      );
      expect([total(found), ...found.gradients[0]!.logits!].every(Number.isFinite)).toBe(true);
      if (divergence === 'jensen-shannon') expect(total(found)).toBeCloseTo(Math.LN2, 5);
    }
  });
});

describe('limits', () => {
  const same = [-0.5, -2, -1];
  const satisfactory = { rejected: false, logProbs: { plain: [-1, -3] } };

  it('is 0 with gradient 0 where the teacher agrees with the student', async () => {
    const example = {
      rejected: true,
      logProbs: { plain: same, revising: same },
      witnesses: [same, [-1, -1, -1]],
      logits: { plain: [student, teacher, start], witness: [student, teacher, start] },
    };
    const forms: SelfDistillationOptions[] = [
      {},
      { importanceClip: null },
      ...divergences.map((divergence) => ({ form: 'full' as const, divergence })),
    ];
    for (const options of forms) {
      const found = await evaluate(selfDistillation(options), [example, satisfactory]);
      expect(total(found)).toBeCloseTo(0, 14);
      for (const gradients of found.gradients) {
        for (const slopes of Object.values(gradients)) {
          expectClose(
            slopes,
            slopes.map(() => 0),
            1e-15,
            'gradient',
          );
        }
      }
    }
  });

  it('averages over rejected responses that have a teacher, and satisfactory ones where asked to', () => {
    const batch = [
      { tokens: { plain: 4, revising: 4 }, rejected: true },
      { tokens: { plain: 2, revising: 2 }, rejected: false },
      { tokens: { plain: 7 }, rejected: true },
    ];
    const weights = (options: SelfDistillationOptions): unknown => selfDistillation(options).weigh(batch);
    const nothing = { likelihood: { plain: 0 }, comparison: 0 };
    expect(weights({})).toEqual([{ likelihood: {}, comparison: 1 / 4 }, nothing, nothing]);
    expect(weights({ alignP: true })).toEqual([
      { likelihood: {}, comparison: 1 / 8 },
      { likelihood: { plain: 1 / 4 }, comparison: 0 },
      nothing,
    ]);
    expect(weights({ alignP: true, normalize: 'tokens' })).toEqual([
      { likelihood: {}, comparison: 1 / 6 },
      { likelihood: { plain: 1 / 6 }, comparison: 0 },
      nothing,
    ]);
  });
});
