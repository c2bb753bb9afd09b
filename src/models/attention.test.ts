// Attention against the formula, written out, and against finite differences of it.
import { describe, expect, it } from 'vitest';
import type { Nd } from '../graph/arrays.test-helper.ts';
import { at, build } from '../graph/arrays.test-helper.ts';
import type { GradientCase } from '../graph/gradient-check.test-helper.ts';
import { checkGradient, numbersOf, openSession, toOrt } from '../graph/gradient-check.test-helper.ts';
import type { Dim, Tensor } from '../graph/index.ts';
import { addDims, cast, concat, constant, dim, emit, input, range, split } from '../graph/index.ts';
import type { AttentionConfig } from './attention.ts';
import { attention, causalAttention, causalBias } from './attention.ts';

/** One head at a time, one query at a time; query i sees the keys that `visible` says. */
function plainAttention(
  [query, key, value]: readonly Nd[],
  { heads, kvHeads, headDim, attentionScale, attentionCap: cap }: AttentionConfig,
  visible: (i: number, j: number) => boolean,
): Nd {
  const data = new Float64Array(query!.data.length);
  const [batch, queries, keys] = [query!.shape[0]!, query!.shape[1]!, key!.shape[1]!];
  const rowOf = (x: Nd, b: number, row: number, head: number): Float64Array => {
    const start = (b * x.shape[1]! + row) * x.shape[2]! + head * headDim;
    return x.data.subarray(start, start + headDim);
  };
  for (let b = 0; b < batch; b++) {
    for (let head = 0; head < heads; head++) {
      const shared = Math.floor(head / (heads / kvHeads));
      for (let i = 0; i < queries; i++) {
        const q = rowOf(query!, b, i, head);
        const weights = Array.from({ length: keys }, (_, j) => {
          if (!visible(i, j)) return 0;
          const score = rowOf(key!, b, j, shared).reduce((sum, k, d) => sum + k * q[d]!, 0) * attentionScale;
          return Math.exp(cap === null ? score : cap * Math.tanh(score / cap));
        });
        const total = weights.reduce((sum, w) => sum + w, 0);
        const out = data.subarray(((b * queries + i) * heads + head) * headDim);
        weights.forEach((w, j) =>
          rowOf(value!, b, j, shared).forEach((v, d) => (out[d]! += (w / total) * v)),
        );
      }
    }
  }
  return { shape: query!.shape, data };
}

const shapes: readonly AttentionConfig[] = [
  { heads: 2, kvHeads: 2, headDim: 3, attentionScale: 3 ** -0.5, attentionCap: null },
  { heads: 4, kvHeads: 2, headDim: 2, attentionScale: 0.8, attentionCap: 0.7 },
  { heads: 3, kvHeads: 1, headDim: 1, attentionScale: 1, attentionCap: null },
  { heads: 2, kvHeads: 1, headDim: 2, attentionScale: 1.3, attentionCap: 2 },
];

/** The queries in blocks of the given sizes; an axis is named for each block whose size varies. */
const causal = (
  size: AttentionConfig,
  window: number | null,
  blocks: readonly (string | number)[],
): GradientCase => {
  const names = blocks.filter((block) => typeof block === 'string');
  const fixed = blocks.reduce<number>((total, block) => total + (typeof block === 'number' ? block : 0), 0);
  return {
    // Queries, keys and values are put together from pieces, as many rows each as a block.
    inputs: [size.heads, size.kvHeads, size.kvHeads].flatMap((heads) =>
      [...names, ...(fixed > 0 ? [fixed] : [])].map((rows) => `batch ${rows} ${heads * size.headDim}`),
    ),
    trace: (pieces, dims) => {
      const [query, key, value] = thirds(pieces).map((part) => concat(part, 1));
      return causalAttention(
        size,
        { query: query!, key: key!, value: value! },
        positionsOf(blocks.map((block) => (typeof block === 'string' ? dims[block]! : block))),
        window,
      );
    },
    reference: () => (pieces) =>
      plainAttention(
        thirds(pieces).map(joinRows),
        size,
        (i, j) => j <= i && (window === null || i - j < window),
      ),
    dtype: 'float32',
    min: { batch: 1, ...Object.fromEntries(names.map((name) => [name, 1])) },
    runs: 2,
  };
};

/** Positions of a sequence that is cut into blocks of these sizes. */
const positionsOf = (sizes: readonly Dim[]): readonly Tensor[] =>
  split(cast(range(sizes.reduce<Dim>(addDims, 0)), 'int32'), 0, sizes);

const thirds = <T>(list: readonly T[]): T[][] =>
  [0, 1, 2].map((i) => list.slice((i * list.length) / 3, ((i + 1) * list.length) / 3));

const joinRows = (parts: readonly Nd[]): Nd => {
  const [batch, , width] = parts[0]!.shape as [number, number, number];
  const rows = parts.flatMap((part, p) => Array.from({ length: part.shape[1]! }, (_, row) => ({ p, row })));
  return build([batch, rows.length, width], ([b, i, c]) => at(parts[rows[i!]!.p]!, [b!, rows[i!]!.row, c!]));
};

/** As in generation: the keys reach further back than the queries, and the bias comes from outside. */
const cached = (size: AttentionConfig): GradientCase => {
  return {
    inputs: [
      `batch seq ${size.heads * size.headDim}`,
      `batch keys ${size.kvHeads * size.headDim}`,
      `batch keys ${size.kvHeads * size.headDim}`,
    ],
    trace: ([query, key, value]) =>
      attention(size, { query: query!, key: key!, value: value! }, constant(0, 'float32')),
    reference: () => (xs) => plainAttention(xs, size, () => true),
    dtype: 'float32',
    min: { batch: 1, seq: 1, keys: 1 },
    runs: 3,
  };
};

describe.each(shapes)('$heads heads on $kvHeads of $headDim, times $attentionScale, within $attentionCap', (size) => {
  it.each([null, 1, 3])(
    'sees the past within a window of %s, however the queries are cut',
    async (window) => {
      for (const blocks of [['a'], ['a', 'b'], ['a', 1, 'b', 1]]) {
        await checkGradient(causal(size, window, blocks));
      }
    },
  );

  it('attends to more keys than there are queries', async () => {
    await checkGradient(cached(size));
  });
});

it('makes a bias that hides the future and what lies before the window', async () => {
  const n = dim('n');
  const queries = input('queries', 'int32', [n]);
  const bias = causalBias(queries, constant([0, 1, 2, 3, 4], 'int32'), 2);
  const session = await openSession(emit({ bias }).bytes);
  const { bias: found } = await session.run({
    queries: toOrt('int32', { shape: [3], data: Float64Array.of(2, 3, 4) }),
  });
  await session.release();
  const o = -Infinity;
  expect(found!.dims).toEqual([3, 5]);
  expect(numbersOf(found!)).toEqual(
    [
      [o, 0, 0, o, o],
      [o, o, 0, 0, o],
      [o, o, o, 0, 0],
    ].flat(),
  );
});
