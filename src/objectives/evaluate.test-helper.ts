// Runs an objective alone on log-probs made by hand: loss, flags, and d loss / d log-prob of every token.
import type { Tensor } from '../graph/index.ts';
import {
  add,
  cast,
  constant,
  emit,
  exp,
  grad,
  input,
  logSoftmax,
  minimum,
  mul,
  reshape,
  stopGradient,
  sub,
  sum,
} from '../graph/index.ts';
import type { Nd } from '../graph/arrays.test-helper.ts';
import { numbersOf, openSession, toOrt } from '../graph/gradient-check.test-helper.ts';
import type { Comparison, Objective, Role, TokenComparison } from './objective.ts';

/** What a model would say of one example, nats. */
export interface HandMadeExample {
  readonly rejected: boolean;
  /** Log-probs of each sequence's tokens. */
  readonly logProbs: Readonly<Partial<Record<Role, readonly number[]>>>;
  /** Of a comparison over tokens: log-probs of the response's tokens by each witness, in their order. */
  readonly witnesses?: readonly (readonly number[])[];
  /** Of one that asks for marks: 1, -1 or 0 a token; 0 for all if left out. */
  readonly marks?: readonly number[];
  /** Of the whole example. */
  readonly advantage?: number;
  /** Of one over distributions: logits [tokens][vocab] after `plain` and of the witness. */
  readonly logits?: { readonly plain: readonly number[][]; readonly witness: readonly number[][] };
  /** Of one over pairs: log-probs of both responses' tokens by the model that training began from. */
  readonly reference?: { readonly preferred: readonly number[]; readonly plain: readonly number[] };
}

export interface Evaluation {
  readonly likelihood: number;
  readonly comparison: number;
  /** Of each example: 0 or 1 a token, null where nothing was compared over tokens. */
  readonly flags: (number[] | null)[];
  /** Of each example: d loss / d log-prob by role, and d loss / d logit [tokens * vocab] as `logits`. */
  readonly gradients: Readonly<Record<string, number[]>>[];
}

/** The loss of a batch. Its graph holds every example, so what one does to another would show. */
export async function evaluate(
  objective: Objective,
  batch: readonly HandMadeExample[],
  dtype: 'float32' | 'float64' = 'float64',
  step = 0,
): Promise<Evaluation> {
  const feeds: Record<string, Nd> = {};
  const feed = (name: string, values: readonly number[], shape: number[] = [values.length]): Tensor => {
    feeds[name] = { shape, data: Float64Array.from(values) };
    return input(name, dtype, shape);
  };
  const weights = objective.weigh(
    batch.map(({ rejected, advantage, logProbs }) => ({
      rejected,
      advantage,
      tokens: Object.fromEntries(Object.entries(logProbs).map(([role, values]) => [role, values.length])),
    })),
  );
  let likelihood = constant(0, dtype);
  let comparison = constant(0, dtype);
  const leaves: { example: number; name: string; tensor: Tensor }[] = [];
  const flagged: Record<string, Tensor> = {};
  batch.forEach((example, i) => {
    const { comparison: weight, likelihood: byRole } = weights[i]!;
    const logProbs: Partial<Record<string, Tensor>> = {};
    for (const [role, values] of Object.entries(example.logProbs)) {
      const tensor = feed(`${i}.${role}`, values);
      logProbs[role] = tensor;
      leaves.push({ example: i, name: role, tensor });
      const share = byRole[role as Role] ?? 0;
      if (share !== 0) likelihood = sub(likelihood, mul(sum(tensor), share));
    }
    if (weight === 0) return;
    const { loss, flags } = compare(i, objective.comparison!, example, logProbs);
    comparison = add(comparison, mul(sum(loss), weight));
    if (flags) flagged[`flags.${i}`] = cast(flags, dtype);
  });

  function compare(
    i: number,
    comparison: Comparison,
    { witnesses, marks, advantage, logits, reference }: HandMadeExample,
    logProbs: Partial<Record<string, Tensor>>,
  ): { loss: Tensor; flags?: Tensor } {
    switch (comparison.over) {
      case 'tokens': {
        const read = comparison.witnesses.map((_, k) => feed(`${i}.witness.${k}`, witnesses![k]!));
        const all = (value: number): number[] => witnesses![0]!.map(() => value);
        const { loss, flagged } = comparison.compare(logProbs.plain!, read, {
          marks: comparison.marks ? feed(`${i}.marks`, marks ?? all(0)) : undefined,
          advantages: comparison.advantages ? feed(`${i}.advantages`, all(advantage!)) : undefined,
          scheduled: comparison.schedule
            ? feed(`${i}.scheduled`, [comparison.schedule(step)], [])
            : undefined,
        });
        return { loss, flags: flagged };
      }
      case 'distributions': {
        const [plain, witness] = [logits!.plain, logits!.witness].map((rows, k) =>
          feed(`${i}.logits.${k}`, rows.flat(), [rows.length, rows[0]!.length]),
        );
        leaves.push({ example: i, name: 'logits', tensor: plain! });
        const loss = comparison.compare(logSoftmax(plain!), logSoftmax(witness!));
        if (comparison.importanceClip === undefined) return { loss };
        // As the engine's step has it; the log-probs of y's tokens stand beside the logits here.
        const sampled = feed(`${i}.sampled`, witnesses![0]!);
        const ratio = sub(stopGradient(logProbs.plain!), sampled);
        return { loss: mul(loss, exp(minimum(ratio, Math.log(comparison.importanceClip)))) };
      }
      case 'pairs': {
        const ratio = (role: 'preferred' | 'plain'): Tensor =>
          reshape(sub(sum(logProbs[role]!), sum(feed(`${i}.reference.${role}`, reference![role]))), [1]);
        return { loss: comparison.compare(ratio('preferred'), ratio('plain')) };
      }
    }
  }

  const slopes = grad(
    add(likelihood, comparison),
    leaves.map(({ tensor }) => tensor),
  );
  const outputs = {
    likelihood,
    comparison,
    ...flagged,
    ...Object.fromEntries(slopes.map((slope, k) => [`slope.${k}`, slope])),
  };
  const model = emit(outputs);
  const session = await openSession(model.bytes);
  const found = await session.run(
    Object.fromEntries(model.inputs.map(({ name }) => [name, toOrt(dtype, feeds[name]!)])),
  );
  await session.release();
  return {
    likelihood: numbersOf(found.likelihood!)[0]!,
    comparison: numbersOf(found.comparison!)[0]!,
    flags: batch.map((_, i) => {
      const flags = found[`flags.${i}`];
      return flags ? numbersOf(flags) : null;
    }),
    gradients: batch.map((_, i) =>
      Object.fromEntries(
        leaves.flatMap(({ example, name }, k) =>
          example === i ? [[name, numbersOf(found[`slope.${k}`]!)] as const] : [],
        ),
      ),
    ),
  };
}

/** An objective's comparison over tokens; throws for any other. */
export function tokenComparison({ comparison }: Objective): TokenComparison {
  if (comparison?.over !== 'tokens') throw new Error('no comparison over tokens');
  return comparison;
}

export const total = ({ likelihood, comparison }: Evaluation): number => likelihood + comparison;
