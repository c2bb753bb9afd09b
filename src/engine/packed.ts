// Traces of the decoder over one sequence at a time, without padding: scoring and the training step.
import type { Dim, Tensor } from '../graph/index.ts';
import {
  add,
  addDims,
  and,
  cast,
  concat,
  constant,
  dim,
  grad,
  greater,
  input,
  mul,
  neg,
  reshape,
  sum,
  where,
} from '../graph/index.ts';
import type { BoundWeights, Checkpoint, DecoderConfig, Trainable } from '../models/index.ts';
import { bindWeights, causalAttention, decode, headMatrix, tokenLogProbs } from '../models/index.ts';
import type { Objective } from '../objectives/objective.ts';
import type { Sequence } from './engine.ts';
import type { Feed } from './session.ts';

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

const positionsFeed = (block: number): string => `positions_${block}`;

export interface TracedStep {
  readonly outputs: Readonly<Record<string, Tensor>>;
  readonly weights: BoundWeights;
}

/**
 * Into how many blocks a sequence's queries are cut: more skip more of the masked scores, at the price of
 * smaller products. Small models are bound by the cost of a call, not by arithmetic.
 */
export const attentionBlocks = ({ hiddenSize }: DecoderConfig): number => (hiddenSize < 256 ? 1 : 4);

/**
 * Response token log-probs [outputs] of a sequence, whose positions are fed in `blocks` pieces: the blocks that
 * its queries are cut into.
 */
function traceLogProbs(config: DecoderConfig, weights: BoundWeights, blocks: number): Tensor {
  const sizes = Array.from({ length: blocks }, (_, i) => dim(`block_${i}`));
  const seq = sizes.reduce<Dim>(addDims, 0);
  const positions = concat(
    sizes.map((size, i) => input(positionsFeed(i), 'int32', [size])),
    0,
  );
  const ids = input(feeds.ids, 'int32', [seq]);
  const rows = input(feeds.rows, 'int32', [dim('outputs')]);
  const hidden = decode(config, weights, { ids, positions, outputRows: rows }, (layer, heads) => {
    const batched = {
      query: reshape(heads.query, [1, ...heads.query.shape]),
      key: reshape(heads.key, [1, ...heads.key.shape]),
      value: reshape(heads.value, [1, ...heads.value.shape]),
    };
    return reshape(causalAttention(config, batched, sizes, config.windows[layer]!), heads.query.shape);
  });
  return tokenLogProbs(hidden, headMatrix(config, weights), input(feeds.targets, 'int32', [dim('outputs')]));
}

/**
 * Rows that a sequence is run with: one a token, but one a block at least, because ONNX Runtime leaves products
 * over an empty axis unwritten. What is added follows the last token, which nothing before it sees.
 */
export const rowsOf = ({ ids }: Sequence, blocks: number): number => Math.max(ids.length, blocks);

/** The feeds of one sequence. */
export function sequenceFeeds(sequence: Sequence, blocks: number): Record<string, Feed> {
  const { ids, responseStart } = sequence;
  const count = ids.length - responseStart;
  const seq = rowsOf(sequence, blocks);
  const bounds = Array.from({ length: blocks + 1 }, (_, i) => Math.round((i * seq) / blocks));
  const positions = Int32Array.from({ length: seq }, (_, i) => i);
  const rows = seq === ids.length ? ids : Int32Array.from(positions, (i) => ids[i] ?? 0);
  return {
    [feeds.ids]: { data: rows, dims: [seq] },
    [feeds.rows]: { data: positions.subarray(responseStart - 1, ids.length - 1), dims: [count] },
    [feeds.targets]: { data: ids.subarray(responseStart), dims: [count] },
    ...Object.fromEntries(
      bounds
        .slice(1)
        .map((end, i) => [
          positionsFeed(i),
          { data: positions.subarray(bounds[i], end), dims: [end - bounds[i]!] },
        ]),
    ),
  };
}

/** Output `logprobs` only. */
export function traceScore(
  config: DecoderConfig,
  checkpoint: Checkpoint,
  trainable: Trainable,
  blocks: number,
): TracedStep {
  const weights = bindWeights(checkpoint, trainable, { training: false });
  return { outputs: { logprobs: traceLogProbs(config, weights, blocks) }, weights };
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
  blocks: number,
): TracedStep {
  const weights = bindWeights(checkpoint, trainable, { training: true });
  const logprobs = traceLogProbs(config, weights, blocks);
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
