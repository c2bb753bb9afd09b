// Compares an op's value with a plain reference, and its gradient with central differences of that reference,
// over random shapes, some of whose sizes the graph learns only when it runs.
import fc from 'fast-check';
import { InferenceSession, Tensor as OrtTensor } from 'onnxruntime-node';
import { expect } from 'vitest';
import { createRandom } from '../random.ts';
import type { Nd } from './arrays.test-helper.ts';
import { build, dot } from './arrays.test-helper.ts';
import type { Dim, DType, Provider, Shape, Tensor } from './index.ts';
import { dim, emit, formatShape, grad, input, mul, stopGradient, substitute, sum } from './index.ts';

/** The device that `npm run test:devices` names; left out, the CPU, in double precision wherever it has the kernels. */
const device = (process.env.WHETSTONE_TEST_DEVICE || undefined) as Provider | undefined;
const floatOf = ({ dtype }: GradientCase): 'float64' | 'float32' =>
  device ? 'float32' : (dtype ?? 'float64');

/** Kernels of other devices refuse work of no elements, which the engine never gives them. */
const smallest = device ? 1 : 0;

/** Sizes of named axes. */
export type Sizes = Readonly<Record<string, number>>;

export interface InputSpec {
  /** Axes, outermost first: names such as `a`, or sizes. 'a 3 b' is a rank-3 tensor; '' a scalar. */
  readonly axes: string;
  /** Default: the case's float type. Only floats are differentiated. */
  readonly dtype?: DType;
  /** An element from uniform random numbers in [0, 1); default uniform in [-2, 2). */
  readonly values?: (uniform: () => number, sizes: Sizes) => number;
}

export interface GradientCase {
  readonly inputs: readonly (InputSpec | string)[];
  /** The op under test over traced inputs; `dims` gives each named axis as the graph sees it. */
  readonly trace: (inputs: readonly Tensor[], dims: Readonly<Record<string, Dim>>) => Tensor;
  /** The same in double precision. Built anew for each draw, so that it can hold constants of the base point. */
  readonly reference: (base: readonly Nd[], sizes: Sizes) => (inputs: readonly Nd[]) => Nd;
  /** float64 wherever ONNX Runtime has the kernels. */
  readonly dtype?: 'float64' | 'float32';
  /** Smallest sizes of axes where 0 is not legal or the op needs more. */
  readonly min?: Sizes;
  readonly max?: number;
  readonly runs?: number;
}

export const uniform =
  (low: number, high: number) =>
  (random: () => number): number =>
    low + (high - low) * random();

/** Values at least 0.4 away from 0. */
export const awayFromZero = (random: () => number): number => {
  const x = uniform(-1.6, 1.6)(random);
  return x + Math.sign(x || 1) * 0.4;
};

/** Indices into an axis. */
export const indexInto =
  (axis: string) =>
  (random: () => number, sizes: Sizes): number =>
    Math.floor(random() * sizes[axis]!);

/** Checks value, shape and gradient of a case. */
export async function checkGradient(spec: GradientCase): Promise<void> {
  const inputs = spec.inputs.map((s): InputSpec => (typeof s === 'string' ? { axes: s } : s));
  const names = [...new Set(inputs.flatMap(({ axes }) => axesOf(axes)).filter((a) => !isSize(a)))];
  const size = (name: string): fc.Arbitrary<number> =>
    fc.integer({ min: spec.min?.[name] ?? smallest, max: spec.max ?? 3 });
  const draws = fc.record({
    seed: fc.nat(),
    axes: fc.tuple(
      ...names.map((name) => fc.record({ symbolic: fc.boolean(), sizes: fc.tuple(size(name), size(name)) })),
    ),
  });
  const property = fc.asyncProperty(draws, async ({ seed, axes }) => {
    const dims = Object.fromEntries(
      names.map((name, i) => [name, axes[i]!.symbolic ? dim(name) : axes[i]!.sizes[0]]),
    );
    const rounds = axes.some(({ symbolic }) => symbolic) ? [0, 1] : [0];
    const graph = await openGraph(spec, inputs, dims);
    try {
      for (const round of rounds) {
        const sizes = Object.fromEntries(
          names.map((name, i) => [name, axes[i]!.sizes[axes[i]!.symbolic ? round : 0]!]),
        );
        await checkOnce(spec, inputs, graph, sizes, seed + round);
      }
    } finally {
      await graph.session.release();
    }
  });
  await fc.assert(property, { numRuns: spec.runs ?? 6, seed: 20240611 });
}

interface Graph {
  readonly session: InferenceSession;
  readonly inputNames: ReadonlySet<string>;
  readonly output: Tensor;
  /** Numbers of the inputs that are differentiated. */
  readonly differentiated: readonly number[];
}

async function openGraph(
  spec: GradientCase,
  inputs: readonly InputSpec[],
  dims: Readonly<Record<string, Dim>>,
): Promise<Graph> {
  const float = floatOf(spec);
  const traced = inputs.map(({ axes, dtype = float }, i) =>
    input(
      `in.${i}`,
      dtype,
      axesOf(axes).map((a) => (isSize(a) ? Number(a) : dims[a]!)),
    ),
  );
  const output = spec.trace(traced, dims);
  const outputs: Record<string, Tensor> = { value: output };
  const differentiated =
    output.dtype === float ? traced.flatMap((t, i) => (t.dtype === float ? [i] : [])) : [];
  if (differentiated.length > 0) {
    const loss = sum(mul(output, stopGradient(input('cotangent', float, output.shape))));
    const gradients = grad(
      loss,
      differentiated.map((i) => traced[i]!),
    );
    differentiated.forEach((i, j) => (outputs[`grad.${i}`] = gradients[j]!));
  }
  const model = emit(substitute(outputs, device ?? 'cpu'));
  const session = await openSession(model.bytes);
  return { session, inputNames: new Set(model.inputs.map(({ name }) => name)), output, differentiated };
}

/** A session on one thread, or on the device under test. */
export const openSession = (bytes: Uint8Array): Promise<InferenceSession> =>
  InferenceSession.create(bytes, {
    intraOpNumThreads: 1,
    interOpNumThreads: 1,
    logSeverityLevel: 3,
    ...(device && { executionProviders: [device, 'cpu'] }),
  });

async function checkOnce(
  spec: GradientCase,
  inputs: readonly InputSpec[],
  { session, inputNames, output, differentiated }: Graph,
  sizes: Sizes,
  seed: number,
): Promise<void> {
  const float = floatOf(spec);
  const random = createRandom(seed);
  const round = (dtype: DType, x: number): number =>
    dtype === 'float64' ? x : dtype === 'float32' ? Math.fround(x) : Math.trunc(x);
  const arrays = inputs.map(({ axes, dtype = float, values = uniform(-2, 2) }) => {
    const shape = axesOf(axes).map((a) => (isSize(a) ? Number(a) : sizes[a]!));
    return build(shape, () =>
      round(
        dtype,
        values(() => random.float(), sizes),
      ),
    );
  });
  const cotangent = build(evaluate(output.shape, sizes), () =>
    round(
      float,
      uniform(-1, 1)(() => random.float()),
    ),
  );
  const feeds: Record<string, OrtTensor> = {};
  arrays.forEach((x, i) => (feeds[`in.${i}`] = toOrt(inputs[i]!.dtype ?? float, x)));
  feeds.cotangent = toOrt(float, cotangent);
  const results = await session.run(
    Object.fromEntries(Object.entries(feeds).filter(([name]) => inputNames.has(name))),
  );

  const reference = spec.reference(arrays, sizes);
  const expected = reference(arrays);
  expect(results.value!.dims, `traced as ${formatShape(output.shape)}`).toEqual([...expected.shape]);
  expect(evaluate(output.shape, sizes)).toEqual([...expected.shape]);
  expectClose(numbersOf(results.value!), expected.data, float === 'float64' ? 1e-12 : 2e-6, 'value');

  const loss = (point: readonly Nd[]): number => dot(reference(point), cotangent);
  for (const i of differentiated) {
    const found = results[`grad.${i}`]!;
    expect(found.dims).toEqual([...arrays[i]!.shape]);
    const slopes = centralDifferences(loss, arrays, i);
    expectClose(numbersOf(found), slopes, float === 'float64' ? 1e-7 : 2e-5, `gradient of input ${i}`);
  }
}

/** d loss / d element for each element of one input. */
function centralDifferences(
  loss: (point: readonly Nd[]) => number,
  arrays: readonly Nd[],
  which: number,
): Float64Array {
  const h = 1e-5;
  const x = arrays[which]!;
  const shifted = (element: number, by: number): number => {
    const data = x.data.slice();
    data[element]! += by;
    return loss(arrays.map((a, i) => (i === which ? { shape: a.shape, data } : a)));
  };
  return x.data.map((_, element) => (shifted(element, h) - shifted(element, -h)) / (2 * h));
}

/** Absolute error, relative to the largest value where that exceeds 1. */
export function expectClose(
  found: ArrayLike<number>,
  expected: ArrayLike<number>,
  tolerance: number,
  what: string,
): void {
  expect(found.length, what).toBe(expected.length);
  const scale = Array.from(expected).reduce((a, b) => Math.max(a, Number.isFinite(b) ? Math.abs(b) : 0), 1);
  for (let i = 0; i < expected.length; i++) {
    const [f, e] = [found[i]!, expected[i]!];
    if (Object.is(f, e) || f === e || Math.abs(f - e) <= tolerance * scale) continue;
    throw new Error(`${what}: element ${i} is ${f}; expected ${e} to within ${tolerance * scale}`);
  }
}

/** A traced shape with actual sizes in place of the names. */
export const evaluate = (shape: Shape, sizes: Sizes): number[] =>
  shape.map((d) =>
    typeof d === 'number'
      ? d
      : d.terms.reduce(
          (total, { coefficient, symbols }) => total + symbols.reduce((p, s) => p * sizes[s]!, coefficient),
          0,
        ),
  );

export function toOrt(dtype: DType, { shape, data }: Nd): OrtTensor {
  switch (dtype) {
    case 'float32':
      return new OrtTensor(dtype, Float32Array.from(data), shape);
    case 'float64':
      return new OrtTensor(dtype, Float64Array.from(data), shape);
    case 'int32':
      return new OrtTensor(dtype, Int32Array.from(data), shape);
    case 'int64':
      return new OrtTensor(
        dtype,
        BigInt64Array.from(data, (x) => BigInt(x)),
        shape,
      );
    case 'bool':
      return new OrtTensor(dtype, Uint8Array.from(data), shape);
    default:
      throw new Error(`tests feed no ${dtype}`);
  }
}

export const numbersOf = (tensor: OrtTensor): number[] =>
  Array.from(tensor.data as ArrayLike<number | bigint>, Number);

const axesOf = (axes: string): string[] => axes.split(' ').filter(Boolean);
const isSize = (axis: string): boolean => /^\d+$/.test(axis);
