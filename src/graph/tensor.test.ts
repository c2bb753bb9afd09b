// Tracing: what a tensor records, constants, recomputation, and the public list of ops.
import { describe, expect, it } from 'vitest';
import * as graph from './index.ts';
import { add, constant, dim, emit, exp, grad, input, mul, recompute, recordOp, sum } from './index.ts';
import { numbersOf, openSession } from './gradient-check.test-helper.ts';
import * as elementwise from './ops/elementwise.ts';
import * as matmul from './ops/matmul.ts';
import * as nn from './ops/nn.ts';
import * as quantized from './ops/quantized.ts';
import * as reduce from './ops/reduce.ts';
import * as shape from './ops/shape.ts';
import * as top from './ops/top.ts';
import { dimValues } from './tensor.ts';

it('exports ops from modules that are tested op by op, and little else', () => {
  const ops = [elementwise, reduce, shape, matmul, nn, quantized, top].flatMap((module) =>
    Object.keys(module),
  );
  const others = Object.keys(graph).filter((name) => !ops.includes(name));
  // Each of these has tests in dim, tensor, grad, substitute, code-products, whole-products or emit.test.ts.
  expect(others.sort()).toEqual(
    [
      ...['addDims', 'dim', 'dimKey', 'formatShape', 'mulDims', 'sameDim', 'sameShape'],
      ...['constant', 'input', 'recompute', 'recordOp', 'stopGradient', 'weight', 'withGradient'],
      ...[
        'emit',
        'grad',
        'halfBits',
        'multiplyCodes',
        'multiplyRows',
        'multiplyWhole',
        'reachability',
        'substitute',
        'vjp',
      ],
    ].sort(),
  );
  // Rows of a matrix in few bits are what gatherRows makes of them; by blocks it is dequantized on the CPU.
  expect(ops.filter((name) => !(name in graph)).sort()).toEqual([
    'blockOf',
    'dequantizeBlocks',
    'rowsBeforeUse',
  ]);
});

describe('constant', () => {
  const valueOf = async (
    tensor: graph.Tensor,
  ): Promise<{ type: string; dims: readonly number[]; values: number[] }> => {
    const session = await openSession(emit({ y: tensor }).bytes);
    const { y } = await session.run({});
    await session.release();
    return { type: y!.type, dims: y!.dims, values: numbersOf(y!) };
  };

  it.each(['float32', 'float64', 'int64', 'int32', 'uint8', 'bool'] as const)(
    'holds numbers as %s',
    async (dtype) => {
      const values = dtype === 'bool' ? [0, 1, 1] : [0, 1, 250];
      expect(await valueOf(constant(values, dtype))).toEqual({ type: dtype, dims: [3], values });
      expect(await valueOf(constant(1, dtype))).toEqual({ type: dtype, dims: [], values: [1] });
    },
  );

  it('keeps infinities, signed zeros and large integers', async () => {
    const { values } = await valueOf(constant([-Infinity, -0, 0.1], 'float64'));
    expect(values).toEqual([-Infinity, -0, 0.1]);
    expect((await valueOf(constant([2 ** 52, -(2 ** 40)], 'int64'))).values).toEqual([2 ** 52, -(2 ** 40)]);
  });

  it('takes a shape, and refuses one that does not fit', async () => {
    expect((await valueOf(constant([1, 2, 3, 4, 5, 6], 'int32', [2, 3]))).dims).toEqual([2, 3]);
    expect((await valueOf(constant([], 'float32', [0, 3]))).dims).toEqual([0, 3]);
    expect(() => constant([1, 2, 3], 'float32', [2, 2])).toThrow(/constant: 3 values for shape \[2, 2\]/);
    expect(() => constant([1, 2], 'bfloat16')).toThrow(/constant: bfloat16 constants are not supported/);
  });
});

describe('tensors', () => {
  it('cannot be changed', () => {
    const x = input('x', 'float32', [2]);
    expect(Object.isFrozen(x)).toBe(true);
  });

  it('of one op with several outputs share its node', () => {
    const [a, b] = recordOp(
      'Split',
      [input('x', 'float32', [4])],
      [
        { dtype: 'float32', shape: [2] },
        { dtype: 'float32', shape: [2] },
      ],
    );
    expect(a!.node).toBe(b!.node);
    expect([a!.output, b!.output]).toEqual([0, 1]);
  });

  it('tell sizes as values', () => {
    expect(dimValues([2, dim('n')])).toMatchObject({ dtype: 'int64', shape: [2] });
  });
});

describe('recompute', () => {
  const x = input('x', 'float32', [3]);
  const count = (y: graph.Tensor): number => emit({ y }).nodeCount;

  it('computes an equal value again, and only then', () => {
    expect(count(add(exp(x), exp(x)))).toBe(3);
    expect(
      count(
        add(
          exp(x),
          recompute(() => exp(x)),
        ),
      ),
    ).toBe(4);
    expect(count(recompute(() => add(exp(x), exp(x))))).toBe(3);
    expect(
      count(
        add(
          recompute(() => exp(x)),
          recompute(() => exp(x)),
        ),
      ),
    ).toBe(4);
  });

  it('nests, survives exceptions, and is differentiated as usual', () => {
    expect(
      count(
        recompute(() =>
          add(
            exp(x),
            recompute(() => exp(x)),
          ),
        ),
      ),
    ).toBe(4);
    expect(() =>
      recompute(() => {
        throw new Error('inside');
      }),
    ).toThrow('inside');
    expect(count(add(exp(x), exp(x)))).toBe(3);
    const [g] = grad(sum(recompute(() => mul(x, x))), [x]);
    expect(g!.shape).toEqual([3]);
  });
});
