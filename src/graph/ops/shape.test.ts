// Ops that move values, against plain references and central differences.
import { InferenceSession } from 'onnxruntime-node';
import { describe, expect, it } from 'vitest';
import type { Nd } from '../arrays.test-helper.ts';
import { at, build, countOf } from '../arrays.test-helper.ts';
import type { GradientCase, InputSpec, Sizes } from '../gradient-check.test-helper.ts';
import { checkGradient, evaluate, indexInto, numbersOf, toOrt } from '../gradient-check.test-helper.ts';
import type { Dim, Shape } from '../index.ts';
import { addDims, cast, dim, emit, grad, input, mul, mulDims, sum } from '../index.ts';
import * as ops from './shape.ts';

type Dims = Readonly<Record<string, Dim>>;

const reshape = (axes: string, target: (d: Dims) => Shape): GradientCase => ({
  inputs: [axes],
  trace: ([x], dims) => ops.reshape(x!, target(dims)),
  reference:
    (_, sizes) =>
    ([x]) => ({ shape: evaluate(target(sizes), sizes), data: x!.data }),
});

const transpose = (axes: string, order: readonly number[]): GradientCase => ({
  inputs: [axes],
  trace: ([x]) => ops.transpose(x!, order),
  reference:
    () =>
    ([x]) =>
      build(
        order.map((a) => x!.shape[a]!),
        (index) =>
          at(
            x!,
            order.map((_, i) => index[order.indexOf(i)]!),
          ),
      ),
});

const expandTo = (axes: string, target: (d: Dims) => Shape): GradientCase => ({
  inputs: [axes],
  // The second factor makes sizes known that the first input does not have.
  trace: ([x], dims) => ops.expandTo(x!, target(dims)),
  reference:
    (_, sizes) =>
    ([x]) =>
      build(evaluate(target(sizes), sizes), (index) => at(x!, index)),
});

/** Every other input only makes its axes' sizes known to the graph. */
const knowing = (spec: GradientCase, axes: string): GradientCase => ({
  ...spec,
  inputs: [...spec.inputs, axes],
  trace: (inputs, dims) => {
    const value = spec.trace(inputs.slice(0, -1), dims);
    return mul(value, ops.reshape(sum(inputs.at(-1)!), []));
  },
  reference: (base, sizes) => {
    const inner = spec.reference(base, sizes);
    return (inputs) => {
      const factor = inputs.at(-1)!.data.reduce((a, b) => a + b, 0);
      const value = inner(inputs.slice(0, -1));
      return { shape: value.shape, data: value.data.map((x) => x * factor) };
    };
  },
});

const slice = (
  axes: string,
  axis: number,
  start: (d: Dims) => Dim,
  end: (d: Dims) => Dim,
  min: Sizes,
): GradientCase => ({
  inputs: [axes],
  trace: ([x], dims) => ops.slice(x!, axis, start(dims), end(dims)),
  reference: (_, sizes) => {
    const [from, to] = evaluate([start(sizes), end(sizes)], sizes) as [number, number];
    return ([x]) => {
      const which = axis < 0 ? axis + x!.shape.length : axis;
      const shape = x!.shape.map((size, i) => (i === which ? to - from : size));
      return build(shape, (index) =>
        at(
          x!,
          index.map((j, i) => (i === which ? j + from : j)),
        ),
      );
    };
  },
  min,
  max: 4,
});

const concat = (parts: readonly string[], axis: number): GradientCase => ({
  inputs: parts,
  trace: (xs) => ops.concat(xs, axis),
  reference: () => (xs) => {
    const which = axis < 0 ? axis + xs[0]!.shape.length : axis;
    const shape = xs[0]!.shape.map((size, i) =>
      i === which ? xs.reduce((total, x) => total + x.shape[which]!, 0) : size,
    );
    return build(shape, (index) => {
      let rest = index[which]!;
      const part = xs.find((x) => {
        if (rest < x.shape[which]!) return true;
        rest -= x.shape[which]!;
        return false;
      })!;
      return at(
        part,
        index.map((j, i) => (i === which ? rest : j)),
      );
    });
  },
});

const split = (
  axes: string,
  axis: number,
  pieces: (d: Dims) => readonly Dim[],
  min?: Sizes,
): GradientCase => {
  const factor = (piece: number, count: number): number => (piece === count - 2 ? 0 : piece + 1);
  return {
    inputs: [axes],
    trace: ([x], dims) => {
      const parts = ops.split(x!, axis, pieces(dims));
      return ops.concat(
        parts.flatMap((part, i) =>
          factor(i, parts.length) === 0 ? [] : [mul(part, factor(i, parts.length))],
        ),
        axis,
      );
    },
    reference: (_, sizes) => {
      const widths = evaluate(pieces(sizes), sizes);
      return ([x]) => {
        const which = axis < 0 ? axis + x!.shape.length : axis;
        const sources = widths.flatMap((width, i) => {
          const before = widths.slice(0, i).reduce((a, b) => a + b, 0);
          const by = factor(i, widths.length);
          return by === 0 ? [] : Array.from({ length: width }, (_, j) => ({ from: before + j, by }));
        });
        const shape = x!.shape.map((size, i) => (i === which ? sources.length : size));
        return build(shape, (index) => {
          const { from, by } = sources[index[which]!]!;
          return (
            by *
            at(
              x!,
              index.map((j, i) => (i === which ? from : j)),
            )
          );
        });
      };
    },
    min,
    max: 4,
  };
};

const indices = (axes: string, into: string, dtype: 'int32' | 'int64'): InputSpec => ({
  axes,
  dtype,
  values: indexInto(into),
});

/** Rows named by few indices repeat, so that sums of cotangents are tested. */
const gatherRows = (rows: string, index: string, dtype: 'int32' | 'int64'): GradientCase => ({
  inputs: [rows, indices(index, 'r', dtype)],
  trace: ([x, i]) => ops.gatherRows(x!, i!),
  reference:
    () =>
    ([x, i]) => {
      const rank = i!.shape.length;
      return build([...i!.shape, ...x!.shape.slice(1)], (at_) =>
        at(x!, [at(i!, at_.slice(0, rank)), ...at_.slice(rank)]),
      );
    },
  min: { r: 1 },
  max: 4,
});

const scatterAddRows = (updates: string, index: string, dtype: 'int32' | 'int64'): GradientCase => ({
  inputs: [updates, indices(index, 'r', dtype), 'r'],
  // The last input makes the number of rows known.
  trace: ([x, i, weights]) => {
    const scattered = ops.scatterAddRows(x!, i!, weights!.shape[0]!);
    return mul(
      scattered,
      ops.reshape(weights!, [weights!.shape[0]!, ...scattered.shape.slice(1).map(() => 1)]),
    );
  },
  reference:
    () =>
    ([x, i, weights]): Nd => {
      const rest = x!.shape.slice(i!.shape.length);
      const width = countOf(rest);
      const data = new Float64Array(weights!.shape[0]! * width);
      x!.data.forEach((value, k) => {
        const row = i!.data[Math.floor(k / width)]!;
        data[row * width + (k % width)]! += value * weights!.data[row]!;
      });
      return { shape: [weights!.shape[0]!, ...rest], data };
    },
  min: { r: 1 },
  max: 4,
});

const pick = (axes: string, dtype: 'int32' | 'int64'): GradientCase => ({
  inputs: [`${axes} r`.trim(), indices(axes, 'r', dtype)],
  trace: ([x, i]) => ops.pick(x!, i!),
  reference:
    () =>
    ([x, i]) =>
      build(i!.shape, (index) => at(x!, [...index, at(i!, index)])),
  min: { r: 1 },
});

const cases: Record<string, GradientCase[]> = {
  reshape: [
    reshape('a b', ({ a, b }) => [mulDims(a!, b!)]),
    reshape('a b c', ({ a, b, c }) => [c!, mulDims(a!, b!)]),
    reshape('a 6 b', ({ a, b }) => [b!, 2, 3, a!]),
    reshape('a b', ({ a, b }) => [1, a!, 1, b!]),
    reshape('0 b', ({ b }) => [b!, 0]),
    reshape('a 4', ({ a }) => [2, mulDims(2, a!)]),
    reshape('1 1', () => []),
    reshape('', () => [1, 1]),
    reshape('a b', ({ a, b }) => [a!, b!]),
  ],
  transpose: [
    transpose('', []),
    transpose('a b', [1, 0]),
    transpose('a b', [0, 1]),
    transpose('a b c', [2, 0, 1]),
    transpose('a 2 b 3', [0, 2, 3, 1]),
  ],
  expandTo: [
    expandTo('a', ({ a }) => [2, a!]),
    expandTo('1 a 1', ({ a }) => [3, a!, 2]),
    expandTo('', () => [2, 0, 3]),
    expandTo('a b', ({ a, b }) => [a!, b!]),
    knowing(
      expandTo('a 1', ({ a, b, c }) => [c!, a!, addDims(b!, 1)]),
      'b c',
    ),
    knowing(
      expandTo('', ({ b, c }) => [mulDims(b!, c!)]),
      'b c',
    ),
  ],
  slice: [
    slice(
      'a b',
      0,
      () => 1,
      ({ a }) => a!,
      { a: 1 },
    ),
    slice(
      'a b',
      -1,
      () => 0,
      () => 2,
      { b: 2 },
    ),
    slice(
      'a b',
      1,
      ({ b }) => addDims(b!, -2),
      ({ b }) => addDims(b!, -1),
      { b: 2 },
    ),
    slice(
      'a',
      0,
      () => 0,
      ({ a }) => a!,
      {},
    ),
    slice(
      'a',
      0,
      ({ a }) => a!,
      ({ a }) => a!,
      {},
    ),
  ],
  concat: [
    concat(['a b'], 0),
    concat(['a c', 'b c'], 0),
    concat(['a b', 'a 1', 'a c'], -1),
    concat(['a 2 c', 'a 0 c'], 1),
  ],
  gatherRows: [
    gatherRows('r a', 'b', 'int32'),
    gatherRows('r', 'a b', 'int64'),
    gatherRows('r a 2', 'b', 'int64'),
    gatherRows('r a', '', 'int32'),
  ],
  scatterAddRows: [
    scatterAddRows('b a', 'b', 'int32'),
    scatterAddRows('a b', 'a b', 'int64'),
    scatterAddRows('a b c', 'a', 'int64'),
    scatterAddRows('a', '', 'int32'),
  ],
  pick: [pick('', 'int64'), pick('a', 'int32'), pick('a b', 'int64')],
  // Every piece reaches the result with a factor of its own; the last but one reaches it not at all.
  split: [
    split('a b', 0, ({ a }) => [a!]),
    split('a b', 0, ({ a }) => [2, addDims(a!, -2)], { a: 2 }),
    split('a 6', -1, () => [1, 0, 2, 3]),
    split('a 5', 1, () => [1, 3, 1]),
  ],
  range: [
    {
      inputs: ['a b'],
      trace: ([x], { a }) => ops.gatherRows(x!, ops.range(a!)),
      reference:
        () =>
        ([x]) =>
          x!,
    },
    {
      inputs: ['a'],
      trace: ([x]) => ops.concat([ops.range(3), cast(x!, 'int64'), ops.range(addDims(x!.shape[0]!, 1))], 0),
      reference:
        () =>
        ([x]) => {
          const n = x!.shape[0]!;
          return build([2 * n + 4], ([i]) =>
            i! < 3 ? i! : i! < 3 + n ? Math.trunc(x!.data[i! - 3]!) : i! - 3 - n,
          );
        },
    },
  ],
};

it('has cases for every op on shapes', () => {
  expect(Object.keys(cases).sort()).toEqual(Object.keys(ops).sort());
});

describe.each(Object.entries(cases))('%s', (_, variants) => {
  it('agrees with its reference and with finite differences', async () => {
    for (const variant of variants) await checkGradient(variant);
  });
});

it('adds rows whose index repeats without losing any to another thread', async () => {
  const [count, width] = [20_000, 64];
  const x = input('x', 'float32', [4, width]);
  const taken = ops.gatherRows(x, input('i', 'int32', [count]));
  const { bytes } = emit({ g: grad(sum(mul(taken, input('c', 'float32', [count, width]))), [x])[0]! });
  const session = await InferenceSession.create(bytes, { intraOpNumThreads: 4 });
  for (let round = 0; round < 5; round++) {
    const { g } = await session.run({
      i: toOrt(
        'int32',
        build([count], ([k]) => (k! % 2 === 0 ? 0 : 3)),
      ),
      c: toOrt(
        'float32',
        build([count, width], () => 1),
      ),
    });
    expect(numbersOf(g!)).toEqual(
      [0, 1, 2, 3].flatMap((row) => new Array<number>(width).fill(row % 3 === 0 ? count / 2 : 0)),
    );
  }
  await session.release();
});

describe('while tracing', () => {
  const n = dim('n');
  const x = input('x', 'float32', [2, n]);
  const i = input('i', 'int64', [n]);

  it('refuses shapes that do not fit, and shows them', () => {
    expect(() => ops.reshape(x, [n, 3])).toThrow(
      /^reshape: \[n, 3\] has another number of elements; got float32\[2, n\]/,
    );
    expect(() => ops.transpose(x, [0, 0])).toThrow(
      /transpose: \[0, 0\] is no permutation of the axes; got float32\[2, n\]/,
    );
    expect(() => ops.transpose(x, [0])).toThrow(/no permutation/);
    expect(() => ops.expandTo(x, [3, n])).toThrow(
      /expandTo: cannot stretch to \[3, n\]; got float32\[2, n\]/,
    );
    expect(() => ops.expandTo(x, [n])).toThrow(/cannot stretch/);
    expect(() => ops.slice(x, 0, 1, 3)).toThrow(
      /slice: 1 to 3 does not lie within axis 0; got float32\[2, n\]/,
    );
    expect(() => ops.slice(x, 0, 2, 1)).toThrow(/does not lie within/);
    expect(() => ops.slice(x, 1, -1, n)).toThrow(/does not lie within/);
    expect(() => ops.split(x, 0, [1, 2])).toThrow(
      /split: sizes \[1, 2\] do not add up to axis 0; got float32\[2, n\]/,
    );
    expect(() => ops.split(x, 1, [])).toThrow(/do not add up/);
    expect(() => ops.slice(x, 2, 0, 1)).toThrow(/axis 2 is out of range/);
    expect(() => ops.concat([x, input('y', 'float32', [3, dim('m')])], 1)).toThrow(
      /concat: dimensions other than 1 must agree; got float32\[2, n\] and float32\[3, m\]/,
    );
    expect(() => ops.concat([x, input('y', 'float64', [2, n])], 0)).toThrow(
      /concat: operands must have one dtype; got float32\[2, n\] and float64\[2, n\]/,
    );
    expect(() => ops.concat([], 0)).toThrow(/at least one tensor/);
    expect(() => ops.gatherRows(x, x)).toThrow(/gatherRows: needs int32 or int64; got float32\[2, n\]/);
    expect(() => ops.gatherRows(input('s', 'float32', []), i)).toThrow(/gatherRows: needs rank 1 or more/);
    expect(() => ops.pick(x, i)).toThrow(
      /pick: indices must have the leading shape .* float32\[2, n\] and int64\[n\]/,
    );
    expect(() => ops.pick(x, x)).toThrow(/pick: needs int32 or int64/);
    expect(() => ops.scatterAddRows(x, i, 5)).toThrow(
      /scatterAddRows: updates must begin with the shape of the indices; got float32\[2, n\] and int64\[n\]/,
    );
  });
});
