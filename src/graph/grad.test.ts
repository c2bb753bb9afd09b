// Differentiation of traces: what flows where, and what is refused.
import { describe, expect, it } from 'vitest';
import { WhetstoneError } from '../errors.ts';
import type { Nd } from './arrays.test-helper.ts';
import { numbersOf, openSession, toOrt } from './gradient-check.test-helper.ts';
import type { Tensor } from './index.ts';
import {
  add,
  cast,
  concat,
  constant,
  dim,
  emit,
  exp,
  gatherRows,
  grad,
  greater,
  input,
  mul,
  reachability,
  recordOp,
  reshape,
  slice,
  split,
  stopGradient,
  sub,
  sum,
  vjp,
  where,
  withGradient,
} from './index.ts';

const vector = (values: readonly number[]): Nd => ({
  shape: [values.length],
  data: Float64Array.from(values),
});

/** Runs float64 tensors on float64 vectors. */
async function run(
  outputs: Record<string, Tensor>,
  feeds: Record<string, readonly number[]>,
): Promise<Record<string, number[]>> {
  const session = await openSession(emit(outputs).bytes);
  const results = await session.run(
    Object.fromEntries(session.inputNames.map((name) => [name, toOrt('float64', vector(feeds[name]!))])),
  );
  await session.release();
  return Object.fromEntries(Object.entries(results).map(([name, value]) => [name, numbersOf(value)]));
}

const x = input('x', 'float64', [2]);
const y = input('y', 'float64', [2]);

describe('grad', () => {
  it('adds up every path from a value to the loss', async () => {
    const shared = mul(x, 3);
    const [g] = grad(sum(add(add(mul(shared, x), shared), exp(shared))), [x]);
    const { g: found } = await run({ g: g! }, { x: [0, 1] });
    // d/dx (3x^2 + 3x + e^3x) = 6x + 3 + 3e^3x
    expect(found![0]).toBeCloseTo(6, 12);
    expect(found![1]).toBeCloseTo(9 + 3 * Math.exp(3), 10);
  });

  it('takes intermediate values for parameters, beside what they came from', async () => {
    const middle = mul(x, x);
    const [dMiddle, dx] = grad(sum(mul(middle, x)), [middle, x]);
    const { a, b } = await run({ a: dMiddle!, b: dx! }, { x: [2, 3] });
    expect(a).toEqual([2, 3]);
    expect(b).toEqual([12, 27]);
  });

  it('differentiates twice', async () => {
    const [first] = grad(sum(mul(mul(x, x), x)), [x]);
    const [second] = grad(sum(first!), [x]);
    expect((await run({ s: second! }, { x: [2, -1] })).s).toEqual([12, -6]);
  });

  it('is zero for a parameter that the loss does not use', async () => {
    const [dx, dy] = grad(sum(mul(x, 2)), [x, y]);
    const { a, b } = await run({ a: dx!, b: dy! }, { x: [1, 2], y: [0, 0] });
    expect(a).toEqual([2, 2]);
    expect(b).toEqual([0, 0]);
    expect(dy!.shape).toEqual([2]);
  });

  it('is 1 for the loss itself', async () => {
    const loss = sum(x);
    const { g } = await run({ g: grad(loss, [loss])[0]! }, {});
    expect(g).toEqual([1]);
  });

  it('passes through selections and ignores how they were decided', async () => {
    const chosen = where(greater(x, y), mul(x, 2), mul(y, 3));
    const [dx, dy] = grad(sum(chosen), [x, y]);
    const { a, b } = await run({ a: dx!, b: dy! }, { x: [1, 0], y: [0, 1] });
    expect(a).toEqual([2, 0]);
    expect(b).toEqual([0, 3]);
  });

  it('ends where a value becomes an integer', async () => {
    const rounded = cast(cast(x, 'int64'), 'float64');
    const { g } = await run({ g: grad(sum(mul(rounded, x)), [x])[0]! }, { x: [2.5, 3.5] });
    expect(g).toEqual([2, 3]);
  });

  it('joins the cotangents of an op with several outputs, used or not', async () => {
    const z = input('z', 'float64', [5]);
    const [a, , c] = split(z, 0, [2, 1, 2]);
    const [g] = grad(sum(mul(a!, c!)), [z]);
    expect((await run({ g: g! }, { z: [1, 2, 3, 4, 5] })).g).toEqual([4, 5, 0, 1, 2]);
  });

  it('handles a trace of thousands of ops', () => {
    let value = x;
    for (let i = 0; i < 5000; i++) value = add(value, x);
    expect(grad(sum(value), [x])[0]!.shape).toEqual([2]);
  });
});

describe('stopGradient', () => {
  it('keeps the value and stops the derivative', async () => {
    const loss = sum(mul(stopGradient(mul(x, x)), x));
    const { loss: value, g } = await run({ loss, g: grad(loss, [x])[0]! }, { x: [2, 3] });
    expect(value).toEqual([35]);
    expect(g).toEqual([4, 9]);
  });

  it('lets ops without a derivative pass', () => {
    const [unknown] = recordOp('Floor', [x], [x]);
    expect(grad(sum(stopGradient(unknown!)), [x])[0]!.shape).toEqual([2]);
  });
});

describe('withGradient', () => {
  it('uses the derivative given, and not that of what lies between', async () => {
    const [value] = withGradient([exp(x)], [x, y], ([g]) => [mul(g!, 7), null]);
    const [dx, dy] = grad(sum(mul(value!, 2)), [x, y]);
    const { v, a, b } = await run({ v: value!, a: dx!, b: dy! }, { x: [0, 0], y: [0, 0] });
    expect(v).toEqual([1, 1]);
    expect(a).toEqual([14, 14]);
    expect(b).toEqual([0, 0]);
  });

  it('tells which outputs have no cotangent', () => {
    const seen: boolean[][] = [];
    const [first] = withGradient([mul(x, 2), mul(x, 3)], [x], (cotangents) => {
      seen.push(cotangents.map((c) => c !== null));
      return [cotangents[0]!];
    });
    grad(sum(first!), [x]);
    expect(seen).toEqual([[true, false]]);
  });
});

describe('vjp and reachability', () => {
  it('pull cotangents of several outputs back together', async () => {
    const [g] = vjp([mul(x, y), exp(x)], [constant([1, 10], 'float64'), y], [x]);
    const { g: found } = await run({ g: g! }, { x: [0, 0], y: [3, 4] });
    expect(found).toEqual([1 * 3 + 3, 10 * 4 + 4]);
  });

  it('say whether a value depends differentiably on a parameter', () => {
    const reaches = reachability([x]);
    expect(reaches(exp(mul(x, y)).node)).toBe(true);
    expect(reaches(exp(y).node)).toBe(false);
    expect(reaches(stopGradient(x).node)).toBe(false);
    expect(reaches(cast(greater(x, y), 'float64').node)).toBe(false);
    expect(reaches(x.node)).toBe(true);
  });
});

describe('refusals', () => {
  const codeOf = (f: () => unknown): string => {
    try {
      f();
    } catch (error) {
      if (error instanceof WhetstoneError) return `${error.code} ${error.message}`;
      throw error;
    }
    return 'nothing thrown';
  };

  it('a loss that is no scalar', () => {
    expect(codeOf(() => grad(mul(x, 2), [x]))).toMatch(
      /^GRAPH_SHAPE grad: the loss must be a scalar; got \[2\]/,
    );
  });

  it('a path through an op without a derivative, by the name of the op', () => {
    const [unknown] = recordOp('Floor', [x], [x]);
    expect(codeOf(() => grad(sum(mul(unknown!, y)), [x]))).toMatch(
      /^GRAPH_NO_GRADIENT grad: Floor has no derivative/,
    );
    // Off the path to the parameter it is of no concern.
    expect(grad(sum(mul(unknown!, y)), [y])[0]!.shape).toEqual([2]);
  });

  it('a derivative of the wrong shape, with both shapes', () => {
    const [wrong] = withGradient([mul(x, 2)], [x], ([g]) => [reshape(g!, [1, 2])]);
    expect(codeOf(() => grad(sum(wrong!), [x]))).toMatch(
      /^GRAPH_SHAPE grad: a cotangent of \[1, 2\] for a value of \[2\]/,
    );
  });
});

it('differentiates through sizes that the graph learns when it runs', async () => {
  const n = dim('n');
  const z = input('z', 'float64', [n]);
  const head = slice(z, 0, 0, 2);
  const taken = gatherRows(z, constant([1, 1], 'int64'));
  const loss = sum(mul(concat([head, z, taken], 0), 2));
  const [g] = grad(sub(loss, sum(mul(z, z))), [z]);
  expect((await run({ g: g! }, { z: [1, 2, 3] })).g).toEqual([4 - 2, 8 - 4, 2 - 6]);
});
