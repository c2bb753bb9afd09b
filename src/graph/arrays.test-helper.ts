// Small dense arrays in double precision, from which tests build plain references for ops. Speed is no aim.

export interface Nd {
  readonly shape: readonly number[];
  /** Row-major. */
  readonly data: Float64Array;
}

export const countOf = (shape: readonly number[]): number => shape.reduce((a, b) => a * b, 1);

/** The array whose element at each index is `value(index)`. */
export function build(shape: readonly number[], value: (index: readonly number[]) => number): Nd {
  const data = new Float64Array(countOf(shape));
  for (let i = 0; i < data.length; i++) data[i] = value(unravel(i, shape));
  return { shape, data };
}

/** Element at `index`, by NumPy's broadcasting: trailing axes are aligned and axes of size 1 stretched. */
export function at(x: Nd, index: readonly number[]): number {
  const lead = index.length - x.shape.length;
  let flat = 0;
  x.shape.forEach((size, i) => (flat = flat * size + (size === 1 ? 0 : index[i + lead]!)));
  return x.data[flat]!;
}

/** f of the elements of arrays that broadcast to one shape. */
export function map(f: (...values: number[]) => number, ...arrays: readonly Nd[]): Nd {
  return build(broadcast(arrays.map(({ shape }) => shape)), (index) => f(...arrays.map((x) => at(x, index))));
}

export const dot = (a: Nd, b: Nd): number => a.data.reduce((sum, x, i) => sum + x * b.data[i]!, 0);

/** fold(elements along the given axes) for each index of the others. */
export function reduceAxes(
  x: Nd,
  axes: readonly number[],
  keepDims: boolean,
  fold: (values: readonly number[]) => number,
): Nd {
  const kept = x.shape.map((size, i) => (axes.includes(i) ? 1 : size));
  const groups = new Map<string, number[]>();
  x.data.forEach((value, i) => {
    const key = unravel(i, x.shape)
      .map((at, axis) => (axes.includes(axis) ? 0 : at))
      .join();
    groups.set(key, [...(groups.get(key) ?? []), value]);
  });
  const result = build(kept, (index) => fold(groups.get(index.join()) ?? []));
  return keepDims ? result : { ...result, shape: x.shape.filter((_, i) => !axes.includes(i)) };
}

/** f of each row along the last axis; rows keep their length. */
export function mapRows(
  x: Nd,
  f: (row: readonly number[], index: readonly number[]) => readonly number[],
): Nd {
  const width = x.shape.at(-1)!;
  const data = new Float64Array(x.data.length);
  for (let start = 0; start < data.length; start += width) {
    data.set(f([...x.data.subarray(start, start + width)], unravel(start, x.shape)), start);
  }
  return { shape: x.shape, data };
}

/** alpha * a @ b over the last two axes of arrays that may be transposed; leading axes broadcast. */
export function product(
  a: Nd,
  b: Nd,
  { transA = false, transB = false, alpha = 1 }: { transA?: boolean; transB?: boolean; alpha?: number } = {},
): Nd {
  const [ar, ac] = a.shape.slice(-2) as [number, number];
  const [br, bc] = b.shape.slice(-2) as [number, number];
  const inner = transA ? ar : ac;
  const batch = broadcast([a.shape.slice(0, -2), b.shape.slice(0, -2)]);
  return build([...batch, transA ? ac : ar, transB ? br : bc], (index) => {
    const [i, j] = index.slice(-2) as [number, number];
    const lead = index.slice(0, -2);
    let sum = 0;
    for (let k = 0; k < inner; k++) {
      sum +=
        at(a, [...lead, ...(transA ? [k, i] : [i, k])]) * at(b, [...lead, ...(transB ? [j, k] : [k, j])]);
    }
    return alpha * sum;
  });
}

export function broadcast(shapes: readonly (readonly number[])[]): number[] {
  const rank = Math.max(0, ...shapes.map((s) => s.length));
  return Array.from({ length: rank }, (_, i) => {
    const sizes = shapes.map((s) => s[s.length - rank + i] ?? 1);
    return sizes.find((size) => size !== 1) ?? 1;
  });
}

export function unravel(flat: number, shape: readonly number[]): number[] {
  const index = new Array<number>(shape.length);
  let rest = flat;
  for (let i = shape.length - 1; i >= 0; i--) {
    index[i] = rest % shape[i]!;
    rest = Math.floor(rest / shape[i]!);
  }
  return index;
}
