// The graph that reads the next tokens of several sequences beside what is cached of them: one graph for whole
// prompts and for single tokens. Knows shapes; what lies in the cache, and where, is key-value-cache.ts.
import type { Tensor } from '../graph/index.ts';
import {
  add,
  addDims,
  cast,
  concat,
  dim,
  input,
  matmul,
  mulDims,
  reshape,
  softmax,
  split,
  transpose,
} from '../graph/index.ts';
import type { Checkpoint, DecoderConfig, Trainable } from '../models/index.ts';
import { bindWeights, decode, logitsOf, softcap, wide } from '../models/index.ts';

export const cachedName = (kind: 'key' | 'value', layer: number): string => `${kind}.${layer}`;
export const freshName = (kind: 'key' | 'value', layer: number): string => `fresh_${kind}.${layer}`;
/** A bias for the layers with this window. */
export const biasName = (window: number | null): string => (window === null ? 'bias' : `bias_${window}`);

/**
 * Inputs, with kv = kvHeads: `ids` and `positions` int32 [rows, fresh]; `last_rows` int32 [rows], the place of each
 * sequence's last real token among all rows * fresh; for each layer `key.L` [rows, kv, headDim, room] and `value.L`
 * [rows, kv, room, headDim], what is cached; for each kind of layer `bias` [rows, 1, 1, fresh, room + fresh], added
 * to the attention scores: 0 where a token may look, -inf where not.
 *
 * Outputs: `logits` [rows, vocab] after the last tokens, and for each layer `fresh_key.L` and `fresh_value.L`
 * [rows * fresh, kv * headDim], to be cached. Keys and values are float32, or float16 where values are kept in it.
 *
 * The scores of cached and fresh keys are computed apart and joined, so that no step copies the cache.
 */
export function traceDecoding(
  config: DecoderConfig,
  checkpoint: Checkpoint,
  trainable: Trainable,
): Record<string, Tensor> {
  const { kvHeads, headDim, heads } = config;
  const groups = heads / kvHeads;
  const weights = bindWeights(checkpoint, trainable, { training: false });
  const [rows, fresh, room] = [dim('rows'), dim('fresh'), dim('room')];
  const tokens = mulDims(rows, fresh);
  const outputs: Record<string, Tensor> = {};
  const biases = new Map<number | null, Tensor>();
  const biasOf = (window: number | null): Tensor => {
    const known =
      biases.get(window) ?? input(biasName(window), 'float32', [rows, 1, 1, fresh, addDims(room, fresh)]);
    biases.set(window, known);
    return known;
  };
  const toHeads = (x: Tensor): Tensor => transpose(reshape(x, [rows, fresh, kvHeads, headDim]), [0, 2, 1, 3]);
  const scores = [rows, kvHeads, mulDims(fresh, groups)];

  const hidden = decode(
    config,
    weights,
    {
      ids: reshape(input('ids', 'int32', [rows, fresh]), [tokens]),
      positions: reshape(input('positions', 'int32', [rows, fresh]), [tokens]),
      outputRows: input('last_rows', 'int32', [rows]),
    },
    (layer, { query, key, value }) => {
      outputs[freshName('key', layer)] = key;
      outputs[freshName('value', layer)] = value;
      const cachedKeys = wide(input(cachedName('key', layer), key.dtype, [rows, kvHeads, headDim, room]));
      const cachedValues = wide(input(cachedName('value', layer), key.dtype, [rows, kvHeads, room, headDim]));
      // Queries that share a key head are stacked into one matrix: [rows, kv, groups * fresh, headDim].
      const grouped = transpose(reshape(query, [rows, fresh, kvHeads, groups, headDim]), [0, 2, 3, 1, 4]);
      const stacked = wide(reshape(grouped, [...scores, headDim]));
      const alpha = config.attentionScale;
      const products = concat(
        [
          matmul(stacked, cachedKeys, { alpha }),
          matmul(stacked, wide(toHeads(key)), { transB: true, alpha }),
        ],
        3,
      );
      const both = softcap(products, config.attentionCap).value;
      const total = addDims(room, fresh);
      const biased = add(
        reshape(both, [rows, kvHeads, groups, fresh, total]),
        biasOf(config.windows[layer]!),
      );
      const shares = reshape(softmax(biased), [...scores, total]);
      const [ofCached, ofFresh] = split(shares, 3, [room, fresh]);
      const mixed = add(matmul(ofCached!, cachedValues), matmul(ofFresh!, wide(toHeads(value))));
      const back = transpose(reshape(mixed, [rows, kvHeads, groups, fresh, headDim]), [0, 3, 1, 2, 4]);
      return cast(reshape(back, query.shape), query.dtype);
    },
  );
  return { logits: logitsOf(config, weights, hidden), ...outputs };
}
