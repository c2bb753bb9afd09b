// Log-probs of several continuations of one context, in one run: the context is computed once, and each continuation
// attends to it and to itself. Knows token ids; what the continuations mean is the caller's.
import type { Dim, Tensor } from '../graph/index.ts';
import { addDims, concat, dim, input, reshape, split } from '../graph/index.ts';
import type { DecoderConfig } from '../models/index.ts';
import { attention, bindWeights, causalAttention, decode, logProbsOf } from '../models/index.ts';
import { compileForRows } from './arithmetic.ts';
import { queryBlocks } from './arrangement.ts';
import { biasName } from './decoding-graph.ts';
import type { ContinuationGroup } from './engine.ts';
import { lazily } from './lazily.ts';
import type { EngineModel } from './model.ts';
import type { Feed } from './session.ts';

export interface BranchScorer {
  /** Log-probs (nats) of each continuation's tokens, [continuation tokens] each. */
  logProbs(group: ContinuationGroup): Promise<Float32Array[]>;
  release(): Promise<void>;
}

/** Most rows of continuations in a run, unless a single one has more. */
const mostRows = 1024;

export function openBranchScorer(model: EngineModel): BranchScorer {
  const { config, parameters } = model;
  const session = lazily(() => compileForRows(model, traceBranches(model), { prepack: model.prepack }));
  return {
    logProbs: async ({ context, continuations }) => {
      const compiled = await session();
      const results: Float32Array[] = [];
      for (const some of cut(continuations)) {
        const { logprobs } = await compiled.run({ ...parameters, ...branchFeeds(config, context, some) });
        let start = 0;
        for (const { length } of some) results.push(logprobs!.slice(start, (start += length)));
      }
      return results;
    },
    release: async () => (await session.existing?.catch(() => null))?.release(),
  };
}

/** Continuations in runs that keep to `mostRows`. */
function cut(continuations: readonly Int32Array[]): Int32Array[][] {
  const runs: Int32Array[][] = [];
  let rows = Infinity;
  for (const continuation of continuations) {
    if (rows + continuation.length > mostRows) {
      runs.push([]);
      rows = 0;
    }
    runs.at(-1)!.push(continuation);
    rows += continuation.length;
  }
  return runs;
}

const blockName = (block: number): string => `positions_${block}`;

/**
 * Inputs: `ids` int32 [context + branches], positions of the context in `queryBlocks` blocks and `branch_positions`
 * [branches]; for each kind of layer `bias` [1, 1, 1, branches, context + branches]; `rows` and `targets` [outputs].
 * Output: `logprobs` [outputs]. The rows of the branches are the continuations' tokens but the last of each.
 */
function traceBranches({ config, checkpoint, trainable, products }: EngineModel): Record<string, Tensor> {
  const weights = bindWeights(checkpoint, trainable, { training: false });
  const blocks = Array.from({ length: queryBlocks }, (_, i) => dim(`block_${i}`));
  const context = blocks.reduce<Dim>(addDims, 0);
  const branches = dim('branches');
  const total = addDims(context, branches);
  const contextPositions = blocks.map((size, i) => input(blockName(i), 'int32', [size]));
  const positions = [...contextPositions, input('branch_positions', 'int32', [branches])];
  const biases = new Map<number | null, Tensor>();
  const biasOf = (window: number | null): Tensor => {
    const known = biases.get(window) ?? input(biasName(window), 'float32', [1, 1, 1, branches, total]);
    biases.set(window, known);
    return known;
  };
  const alone = (x: Tensor): Tensor => reshape(x, [1, ...x.shape]);
  const hidden = decode(
    config,
    weights,
    {
      ids: input('ids', 'int32', [total]),
      positions: concat(positions, 0),
      outputRows: input('rows', 'int32', [dim('outputs')]),
    },
    (layer, heads) => {
      const { query, key, value } = heads;
      const [ofContext, ofBranches] = split(query, 0, [context, branches]);
      const [contextKeys] = split(key, 0, [context, branches]);
      const [contextValues] = split(value, 0, [context, branches]);
      const window = config.windows[layer]!;
      const before = causalAttention(
        config,
        { query: alone(ofContext!), key: alone(contextKeys!), value: alone(contextValues!) },
        contextPositions,
        window,
      );
      const after = attention(
        config,
        { query: alone(ofBranches!), key: alone(key), value: alone(value) },
        biasOf(window),
      );
      return concat([reshape(before, ofContext!.shape), reshape(after, ofBranches!.shape)], 0);
    },
  );
  const targets = input('targets', 'int32', [dim('outputs')]);
  return { logprobs: logProbsOf(config, weights, hidden, targets, { inBlocks: products === null }) };
}

function branchFeeds(
  config: DecoderConfig,
  context: Int32Array,
  continuations: readonly Int32Array[],
): Record<string, Feed> {
  // ONNX Runtime leaves products over an empty axis unwritten, so every block has a row, and so have the branches;
  // nothing sees what is added.
  const contextRows = Math.max(context.length, queryBlocks);
  const real = continuations.reduce((sum, { length }) => sum + length - 1, 0);
  const branches = Math.max(1, real);
  const total = contextRows + branches;
  const outputs = real + continuations.length;
  const ids = new Int32Array(total);
  ids.set(context);
  const branchPositions = new Int32Array(branches);
  const [rows, targets] = [new Int32Array(outputs), new Int32Array(outputs)];
  /** For each row of a branch: the first row of its own branch. */
  const starts = new Int32Array(branches);
  let [row, next] = [0, 0];
  for (const continuation of continuations) {
    const start = row;
    rows[next] = context.length - 1;
    targets[next++] = continuation[0]!;
    for (let i = 1; i < continuation.length; i++, row++) {
      ids[contextRows + row] = continuation[i - 1]!;
      branchPositions[row] = context.length + i - 1;
      starts[row] = start;
      rows[next] = contextRows + row;
      targets[next++] = continuation[i]!;
    }
  }
  const positions = Int32Array.from({ length: contextRows }, (_, i) => Math.min(i, config.maxPositions - 1));
  const bounds = Array.from({ length: queryBlocks + 1 }, (_, b) =>
    Math.round((b * contextRows) / queryBlocks),
  );
  const biases = [...new Set(config.windows)].map((window) => {
    const data = new Float32Array(branches * total).fill(-Infinity);
    for (let r = 0; r < branches; r++) {
      const at = branchPositions[r]!;
      const oldest = window === null ? 0 : Math.max(0, at - window + 1);
      data.fill(0, r * total + Math.min(oldest, context.length), r * total + context.length);
      const from = Math.max(starts[r]!, r - (at - oldest));
      data.fill(0, r * total + contextRows + from, r * total + contextRows + r + 1);
    }
    return [biasName(window), { data, dims: [1, 1, 1, branches, total] }] as const;
  });
  return {
    ids: { data: ids, dims: [total] },
    ...Object.fromEntries(
      bounds
        .slice(1)
        .map((end, b) => [
          blockName(b),
          { data: positions.subarray(bounds[b], end), dims: [end - bounds[b]!] },
        ]),
    ),
    branch_positions: { data: branchPositions, dims: [branches] },
    rows: { data: rows, dims: [outputs] },
    targets: { data: targets, dims: [outputs] },
    ...Object.fromEntries(biases),
  };
}
