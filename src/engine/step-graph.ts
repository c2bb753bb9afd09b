// Traces of what is computed over a run's sequences: scores, distributions, and the training step.
// Knows the decoder and the objective; how sequences lie in a run is the arrangement's business.
import type { Tensor } from '../graph/index.ts';
import {
  add,
  and,
  cast,
  constant,
  dim,
  div,
  exp,
  grad,
  greater,
  input,
  logSoftmax,
  matmul,
  minimum,
  mul,
  neg,
  pick,
  reshape,
  stopGradient,
  sub,
  sum,
  where,
} from '../graph/index.ts';
import type { BoundWeights, Checkpoint, DecoderConfig, Trainable } from '../models/index.ts';
import { bindWeights, decode, logProbsOf, logitsOf } from '../models/index.ts';
import type { Comparison, Objective } from '../objectives/objective.ts';
import type { Arrangement, TracedRun } from './arrangement.ts';
import { outputsDim } from './arrangement.ts';

/** Names of the step graph's inputs besides those of the arrangement. */
export const feeds = {
  likelihoodWeight: 'likelihood_weight',
  comparisonWeight: 'comparison_weight',
  witness: (i: number): string => `witness_${i}`,
  /** 1, -1 or 0: marked, not, or of a response without marks. */
  marks: 'marks',
  advantages: 'advantages',
  scheduled: 'scheduled',
  /** Log-probs of the predicted tokens by the model that training began from, where a ratio to it is asked for. */
  sampled: 'sampled',
  /** Which outputs belong to which pair: 0 or 1, [pairs, outputs]. */
  preferredOf: 'preferred_of_pair',
  plainOf: 'plain_of_pair',
  /** Log-probs of the whole responses under the model that training began from: [pairs]. */
  preferredReference: 'preferred_reference',
  plainReference: 'plain_reference',
  /** What the loss is multiplied by, and gradients divided by, where values are kept in halves. */
  lossScale: 'loss_scale',
} as const;

export interface TracedGraph {
  readonly outputs: Readonly<Record<string, Tensor>>;
  readonly weights: BoundWeights;
}

export interface ModelTrace {
  readonly config: DecoderConfig;
  readonly checkpoint: Checkpoint;
  readonly trainable: Trainable;
  readonly arrangement: Arrangement;
  /** What frozen products are multiplied with in whole numbers: those are of whole matrices; null or left out is none. */
  readonly products?: unknown;
}

/**
 * Output `logprobs`: of each predicted token [outputs], or with `distributions` of every token in its place
 * [outputs, vocab].
 */
export function traceScore(
  { config, checkpoint, trainable, arrangement, products }: ModelTrace,
  distributions = false,
): TracedGraph {
  const weights = bindWeights(checkpoint, trainable, { training: false });
  const run = arrangement.trace(config);
  const hidden = decode(config, weights, run.input, run.attend);
  const logprobs = distributions
    ? logSoftmax(logitsOf(config, weights, hidden))
    : logProbsOf(config, weights, hidden, run.targets, { inBlocks: !products });
  return { outputs: { logprobs }, weights };
}

/**
 * Forward, objective and backward of one run. Outputs: `logprobs` [outputs]; `comparison` the weighted losses of
 * the comparison, [outputs] or [pairs]; `flagged` [outputs] in a comparison over tokens; `grad.NAME` for every
 * trainable tensor.
 *
 * Either weight may be 0 for a token; its part of the loss is then left out, gradient and all.
 */
export function traceStep(
  { config, checkpoint, trainable, arrangement, products }: ModelTrace,
  objective: Objective,
): TracedGraph {
  const weights = bindWeights(checkpoint, trainable, { training: true });
  const run = arrangement.trace(config);
  const hidden = decode(config, weights, run.input, run.attend);
  const { logprobs, distributions } = predict(
    { config, weights, inBlocks: !products },
    hidden,
    run,
    objective.comparison,
  );
  const likelihoodLoss = neg(sum(mul(input(feeds.likelihoodWeight, 'float32', [dim(outputsDim)]), logprobs)));
  const compared = objective.comparison
    ? traceComparison(objective.comparison, logprobs, distributions)
    : null;
  const loss = compared ? add(likelihoodLoss, sum(compared.comparison)) : likelihoodLoss;
  const names = [...weights.inputs.keys()];
  const gradients = gradientsOf(loss, weights);
  return {
    weights,
    outputs: {
      logprobs,
      ...compared,
      ...Object.fromEntries(names.map((name, i) => [`grad.${name}`, gradients[i]!])),
    },
  };
}

/**
 * Of every trainable tensor. Cotangents of halves would vanish: those below 6e-8 are zero, and those below 6e-5 lose
 * digits. So the loss is scaled up on their way, and gradients down again (arXiv 1710.03740, Sec. 3.2).
 */
function gradientsOf(loss: Tensor, { inputs, dtype }: BoundWeights): Tensor[] {
  const parameters = [...inputs.values()];
  if (dtype === 'float32') return grad(loss, parameters);
  const scale = input(feeds.lossScale, 'float32', []);
  return grad(mul(loss, scale), parameters).map((gradient) => div(gradient, scale));
}

/** Log-probs of the predicted tokens, and of all tokens where the comparison needs them. */
function predict(
  { config, weights, inBlocks }: { config: DecoderConfig; weights: BoundWeights; inBlocks: boolean },
  hidden: Tensor,
  { targets }: TracedRun,
  comparison: Comparison | undefined,
): { logprobs: Tensor; distributions: Tensor | null } {
  if (comparison?.over !== 'distributions') {
    return { logprobs: logProbsOf(config, weights, hidden, targets, { inBlocks }), distributions: null };
  }
  const distributions = logSoftmax(logitsOf(config, weights, hidden));
  return { logprobs: pick(distributions, targets), distributions };
}

/** The weighted losses of a comparison, and which tokens it flags, over the log-probs of a run's outputs. */
export function traceComparison(
  comparison: Comparison,
  logprobs: Tensor,
  distributions: Tensor | null,
): { comparison: Tensor; flagged?: Tensor } {
  const outputs = dim(outputsDim);
  if (comparison.over === 'pairs') {
    const pairs = dim('pairs');
    const ofPairs = (members: string, reference: string): Tensor =>
      sub(
        reshape(matmul(input(members, 'float32', [pairs, outputs]), reshape(logprobs, [outputs, 1])), [
          pairs,
        ]),
        input(reference, 'float32', [pairs]),
      );
    const loss = comparison.compare(
      ofPairs(feeds.preferredOf, feeds.preferredReference),
      ofPairs(feeds.plainOf, feeds.plainReference),
    );
    return { comparison: mul(input(feeds.comparisonWeight, 'float32', [pairs]), loss) };
  }
  const weight = input(feeds.comparisonWeight, 'float32', [outputs]);
  if (comparison.over === 'distributions') {
    const witness = input(feeds.witness(0), 'float32', distributions!.shape);
    const loss = mul(weight, comparison.compare(distributions!, witness));
    if (comparison.importanceClip === undefined) return { comparison: loss };
    // The smaller one is taken first, so that nothing overflows.
    const ratio = sub(stopGradient(logprobs), input(feeds.sampled, 'float32', [outputs]));
    return { comparison: mul(loss, exp(minimum(ratio, Math.log(comparison.importanceClip)))) };
  }
  // Tokens outside the comparison get a harmless log-prob, so that neither value nor derivative can be NaN there.
  const compared = greater(weight, constant(0, 'float32'));
  const { loss, flagged } = comparison.compare(
    where(compared, logprobs, constant(-1, 'float32')),
    comparison.witnesses.map((_, i) => input(feeds.witness(i), 'float32', [outputs])),
    {
      marks: comparison.marks === true ? input(feeds.marks, 'float32', [outputs]) : undefined,
      advantages: comparison.advantages === true ? input(feeds.advantages, 'float32', [outputs]) : undefined,
      scheduled: comparison.schedule ? input(feeds.scheduled, 'float32', []) : undefined,
    },
  );
  return { comparison: mul(weight, loss), flagged: cast(and(flagged, compared), 'float32') };
}
