// Every method's loss, flags and gradient on random log-probs, in double precision, against PyTorch.
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { expect, it } from 'vitest';
import { evaluate, total } from '../../src/objectives/evaluate.test-helper.ts';
import type { Normalization, Objective, Role } from '../../src/objectives/index.ts';
import {
  cepoCut,
  critique,
  cut,
  dpo,
  dualCut,
  feedbackConditional,
  forwardPrediction,
  hindsight,
  ilfDpo,
  ilfMle,
  likelihood,
  retaining,
  rltfFm,
  rltfSd,
  sdpo,
  selfDistillation,
  userInteractions,
} from '../../src/objectives/index.ts';
import { relativeError } from './golden.ts';

const makers = {
  likelihood,
  'forward-prediction': forwardPrediction,
  hindsight,
  'feedback-conditional': feedbackConditional,
  critique,
  cut,
  'ilf-mle': ilfMle,
  'ilf-dpo': ilfDpo,
  dpo,
  'dual-cut': dualCut,
  'self-distillation': selfDistillation,
  sdpo,
  'user-interactions': userInteractions,
  'cepo-cut': cepoCut,
  'rltf-sd': rltfSd,
  'rltf-fm': rltfFm,
} satisfies Record<string, (options?: never) => Objective>;

interface Golden {
  readonly method: keyof typeof makers;
  readonly options: Record<string, unknown>;
  /** Optimizer steps done. */
  readonly step?: number;
  readonly loss: number;
  readonly examples: {
    readonly rejected: boolean;
    readonly logprobs: Partial<Record<Role, number[]>>;
    readonly gradients: Record<string, number[]>;
    readonly witnesses?: number[][];
    readonly logits?: { plain: number[][]; witness: number[][] };
    readonly reference?: { preferred: number[]; plain: number[] };
    readonly marks?: number[];
    readonly advantage?: number;
    readonly flags?: number[];
  }[];
}

const cases = JSON.parse(
  readFileSync(fileURLToPath(new URL('methods.json', import.meta.url)), 'utf8'),
) as Golden[];

it('has a case for each method', () => {
  expect(new Set(cases.map(({ method }) => method))).toEqual(new Set(Object.keys(makers)));
});

it.each(cases)('$method $options', async ({ method, options, step, loss, examples }) => {
  const { retainWeight, ...own } = options;
  const made = (makers[method] as (options: unknown) => Objective)(own);
  const normalize = own['normalize'] as Normalization;
  const objective =
    retainWeight === undefined ? made : retaining(made, { weight: retainWeight as number, normalize });
  expect(objective.name).toBe(method);
  const found = await evaluate(
    objective,
    examples.map(({ logprobs, ...example }) => ({ ...example, logProbs: logprobs })),
    'float64',
    step,
  );
  expect(Math.abs(total(found) - loss)).toBeLessThan(1e-12 * Math.max(1, Math.abs(loss)));
  examples.forEach(({ gradients, flags }, i) => {
    expect(found.flags[i]).toEqual(flags ?? null);
    for (const [name, ours] of Object.entries(found.gradients[i]!)) {
      // Nine digits are stored; a gradient that is not stored is 0.
      expect(relativeError(ours, gradients[name] ?? ours.map(() => 0)), `${i} ${name}`).toBeLessThan(1e-8);
    }
    const named = Object.keys(found.gradients[i]!);
    expect(Object.keys(gradients).every((name) => named.includes(name))).toBe(true);
  });
});
