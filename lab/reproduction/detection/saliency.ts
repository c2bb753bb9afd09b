// What a model attends to and what moves it: attention weights, and gradients of a response's likelihood by the embeddings
// of the tokens before it. Two small graphs beside the engine's, for one sequence at a time, narrow models and measuring;
// knows no judgments.
import type { Sequence } from '../../../src/engine/engine.ts';
import { compile } from '../../../src/engine/session.ts';
import type { Session } from '../../../src/engine/session.ts';
import type { Dim, Tensor } from '../../../src/graph/index.ts';
import {
  add,
  dim,
  grad,
  input,
  matmul,
  mul,
  mulDims,
  reshape,
  softmax,
  sum,
  transpose,
} from '../../../src/graph/index.ts';
import type { DecoderConfig, Heads, Weights } from '../../../src/models/index.ts';
import {
  bindWeights,
  causalAttention,
  causalBias,
  decode,
  embeddingName,
  logProbsOf,
  readModelFolder,
  readTensorBytes,
  toFloat32,
} from '../../../src/models/index.ts';

export interface Saliency {
  /** Euclidean norm of d log p(response) / d embedding of every token of the sequence: [tokens]. */
  gradient(sequence: Sequence): Promise<Float32Array>;
  /** Mean attention weight over layers and heads, from each token to each: [tokens * tokens], row by row. */
  attention(sequence: Sequence): Promise<Float32Array>;
  release(): Promise<void>;
}

/** Opens a model's float weights. Throws what reading the folder and loading a graph throw. */
export async function openSaliency(modelDir: string, threads = 1): Promise<Saliency> {
  const { config, checkpoint } = await readModelFolder(modelDir);
  const stored = checkpoint.weights.get(embeddingName)!;
  const table = toFloat32(await readTensorBytes(stored.file, stored), stored.dtype, {
    file: stored.file,
    field: embeddingName,
  });
  const width = config.hiddenSize;
  const place = { root: checkpoint.root, threads };
  const trace = (saw: Tensor[] | null): ReturnType<typeof traced> =>
    traced(config, bindWeights(checkpoint, { kind: 'none' }, { training: false }), saw);

  const { embedded, logprobs } = trace(null);
  const [slope] = grad(sum(logprobs), [embedded]);
  const seen: Tensor[] = [];
  const watched = trace(seen);
  const mean = mul(seen.reduce(add), 1 / (seen.length * config.heads));
  const sessions: readonly [Session, Session] = [
    await compile({ slope: slope! }, place),
    await compile({ attention: mean, logprobs: watched.logprobs }, place),
  ];
  const feedsOf = ({ ids, responseStart }: Sequence): Parameters<Session['run']>[0] => {
    const tokens = ids.length;
    const values = new Float32Array(tokens * width);
    ids.forEach((id, i) => values.set(table.subarray(id * width, (id + 1) * width), i * width));
    const order = Int32Array.from({ length: tokens }, (_, i) => i);
    const outputs = tokens - responseStart;
    return {
      embedded: { data: values, dims: [tokens, width] },
      order: { data: order, dims: [tokens] },
      rows: { data: order.subarray(responseStart - 1, tokens - 1), dims: [outputs] },
      targets: { data: Int32Array.from(ids.subarray(responseStart)), dims: [outputs] },
    };
  };
  return {
    gradient: async (sequence) => {
      const { slope: values } = await sessions[0].run(feedsOf(sequence));
      return Float32Array.from(sequence.ids, (_, i) =>
        Math.hypot(...values!.subarray(i * width, (i + 1) * width)),
      );
    },
    attention: async (sequence) => (await sessions[1].run(feedsOf(sequence)))['attention']!,
    release: async () => {
      for (const session of sessions) await session.release();
    },
  };
}

/** One sequence whose embeddings are an input. `saw` takes each layer's attention, summed over heads: [tokens, tokens]. */
function traced(
  config: DecoderConfig,
  weights: Weights,
  saw: Tensor[] | null,
): { embedded: Tensor; logprobs: Tensor } {
  const [tokens, outputs] = [dim('tokens'), dim('outputs')];
  const embedded = input('embedded', 'float32', [tokens, config.hiddenSize]);
  const order = input('order', 'int32', [tokens]);
  const rows = input('rows', 'int32', [outputs]);
  const targets = input('targets', 'int32', [outputs]);
  const own: Weights = {
    ...weights,
    matrix: (name, count, columns) =>
      name === embeddingName ? embedded : weights.matrix(name, count, columns),
  };
  const hidden = decode(config, own, { ids: order, positions: order, outputRows: rows }, (layer, heads) => {
    const window = config.windows[layer]!;
    saw?.push(attentionSum(config, heads, causalBias(order, order, window)));
    const alone = (x: Tensor): Tensor => reshape(x, [1, ...x.shape]);
    const { query, key, value } = heads;
    const batch: Heads = { query: alone(query), key: alone(key), value: alone(value) };
    return reshape(causalAttention(config, batch, [order], window), query.shape);
  });
  return { embedded, logprobs: logProbsOf(config, weights, hidden, targets) };
}

/** Attention weights summed over heads: [tokens, tokens]. */
function attentionSum(
  { heads, kvHeads, headDim, attentionScale }: DecoderConfig,
  { query, key }: Heads,
  bias: Tensor,
): Tensor {
  const tokens: Dim = query.shape[0]!;
  const groups = heads / kvHeads;
  const q = transpose(reshape(query, [tokens, kvHeads, groups, headDim]), [1, 2, 0, 3]);
  const k = transpose(reshape(key, [tokens, kvHeads, headDim]), [1, 0, 2]);
  const stacked = reshape(q, [kvHeads, mulDims(groups, tokens), headDim]);
  const scores = reshape(matmul(stacked, k, { transB: true, alpha: attentionScale }), [
    heads,
    tokens,
    tokens,
  ]);
  return sum(softmax(add(scores, bias)), { axes: [0] });
}
