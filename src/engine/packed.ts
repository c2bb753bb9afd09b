// Traces of the decoder over one sequence at a time, without padding: scoring and the training step.
import type { Tensor } from '../graph/index.ts';
import {
  add,
  and,
  cast,
  constant,
  dim,
  grad,
  greater,
  input,
  mul,
  neg,
  range,
  reshape,
  sum,
  where,
} from '../graph/index.ts';
import type { BoundWeights, Checkpoint, DecoderConfig, Trainable } from '../models/index.ts';
import { attention, bindWeights, causalBias, decode, headMatrix, tokenLogProbs } from '../models/index.ts';
import type { Objective } from '../objectives/objective.ts';

/** Names of the step graph's fixed inputs and outputs. */
export const feeds = {
  ids: 'ids',
  /** Rows whose next token is a response token: responseStart-1 ... seq-2. */
  rows: 'rows',
  targets: 'targets',
  judged: 'judged_logprobs',
  likelihoodWeight: 'likelihood_weight',
  contrastWeight: 'contrast_weight',
} as const;

export interface TracedStep {
  readonly outputs: Readonly<Record<string, Tensor>>;
  readonly weights: BoundWeights;
}

/** Response token log-probs [outputs] of a sequence [seq]. */
function traceLogProbs(config: DecoderConfig, weights: BoundWeights): Tensor {
  const seq = dim('seq');
  const ids = input(feeds.ids, 'int32', [seq]);
  const rows = input(feeds.rows, 'int32', [dim('outputs')]);
  const biases = new Map<number | null, Tensor>();
  const biasOf = (window: number | null): Tensor => {
    const known = biases.get(window) ?? causalBias(seq, window);
    biases.set(window, known);
    return known;
  };
  const hidden = decode(config, weights, { ids, positions: range(seq), outputRows: rows }, (layer, heads) => {
    const batched = ({ query, key, value }: typeof heads): typeof heads => ({
      query: reshape(query, [1, ...query.shape]),
      key: reshape(key, [1, ...key.shape]),
      value: reshape(value, [1, ...value.shape]),
    });
    const mixed = attention(config, batched(heads), biasOf(config.windows[layer]!));
    return reshape(mixed, heads.query.shape);
  });
  return tokenLogProbs(hidden, headMatrix(config, weights), input(feeds.targets, 'int32', [dim('outputs')]));
}

/** Output `logprobs` only. */
export function traceScore(config: DecoderConfig, checkpoint: Checkpoint, trainable: Trainable): TracedStep {
  const weights = bindWeights(checkpoint, trainable, { training: false });
  return { outputs: { logprobs: traceLogProbs(config, weights) }, weights };
}

/**
 * Forward, objective and backward of one sequence. Outputs: `logprobs` and `flagged` [outputs], the scalars
 * `likelihood_loss` and `contrast_loss`, and `grad.NAME` for every trainable tensor.
 *
 * Either weight may be 0 for a token; its part of the loss is then left out, gradient and all.
 */
export function traceStep(
  config: DecoderConfig,
  checkpoint: Checkpoint,
  trainable: Trainable,
  objective: Objective,
): TracedStep {
  const weights = bindWeights(checkpoint, trainable, { training: true });
  const logprobs = traceLogProbs(config, weights);
  const outputs = [dim('outputs')];
  const likelihoodWeight = input(feeds.likelihoodWeight, 'float32', outputs);
  const contrastWeight = input(feeds.contrastWeight, 'float32', outputs);
  const zero = constant(0, 'float32');

  const likelihoodLoss = neg(sum(mul(likelihoodWeight, logprobs)));
  // Tokens outside the contrast get a harmless log-prob, so that neither value nor derivative can be NaN there.
  const contrasted = greater(contrastWeight, zero);
  const { loss, flagged } = objective.contrast(
    where(contrasted, logprobs, constant(-1, 'float32')),
    input(feeds.judged, 'float32', outputs),
  );
  const contrastLoss = sum(mul(contrastWeight, loss));
  const names = [...weights.inputs.keys()];
  const gradients = grad(add(likelihoodLoss, contrastLoss), [...weights.inputs.values()]);
  return {
    weights,
    outputs: {
      logprobs,
      flagged: cast(and(flagged, contrasted), 'float32'),
      likelihood_loss: likelihoodLoss,
      contrast_loss: contrastLoss,
      ...Object.fromEntries(names.map((name, i) => [`grad.${name}`, gradients[i]!])),
    },
  };
}
