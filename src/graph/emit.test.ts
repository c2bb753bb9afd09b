// Emission: only what is needed, each value once, the same bytes for the same trace.
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { InferenceSession } from 'onnxruntime-node';
import { describe, expect, it } from 'vitest';
import { WhetstoneError } from '../errors.ts';
import { numbersOf, openSession, toOrt } from './gradient-check.test-helper.ts';
import type { Tensor } from './index.ts';
import {
  add,
  addDims,
  cast,
  concat,
  constant,
  dequantize,
  dim,
  emit,
  exp,
  grad,
  input,
  linear,
  matmul,
  mul,
  mulDims,
  range,
  reshape,
  softmax,
  stopGradient,
  sum,
  weight,
} from './index.ts';

const nodes = (outputs: Record<string, Tensor>): number => emit(outputs).nodeCount;
const vector = (...values: number[]): { shape: number[]; data: Float64Array } => ({
  shape: [values.length],
  data: Float64Array.from(values),
});

describe('emit', () => {
  const x = input('x', 'float32', [3]);

  it('computes equal expressions once, whoever wrote them', () => {
    const once = nodes({ y: mul(exp(x), exp(x)) });
    expect(once).toBe(3);
    expect(nodes({ y: mul(exp(x), exp(x)), z: exp(x), again: exp(x) })).toBe(once + 2);
    expect(nodes({ y: add(exp(add(x, 1)), exp(add(x, constant(1, 'float32')))) })).toBe(4);
  });

  it('keeps apart what differs in an attribute, a dtype or a shape', () => {
    const m = input('m', 'float32', [2, 2]);
    expect(nodes({ y: add(matmul(m, m, { alpha: 2 }), matmul(m, m, { alpha: 3 })) })).toBe(4);
    expect(nodes({ a: add(x, constant([1], 'float32')), b: add(x, constant(1, 'float32')) })).toBe(4);
  });

  it('leaves out what no output needs', () => {
    const unused = input('unused', 'float32', [3]);
    exp(unused);
    const model = emit({ y: exp(x) });
    expect(model.nodeCount).toBe(2);
    expect(model.inputs.map(({ name }) => name)).toEqual(['x']);
    expect(emit({ y: add(exp(x), unused) }).inputs.map(({ name }) => name)).toEqual(['x', 'unused']);
  });

  it('emits nothing for values that only pass through', () => {
    expect(nodes({ y: stopGradient(stopGradient(exp(x))) })).toBe(2);
  });

  it('gives the same bytes for the same trace', () => {
    const build = (): Uint8Array => {
      const n = dim('n');
      const a = input('a', 'float32', [n, 4]);
      const b = input('b', 'float32', [4, n]);
      const positions = cast(range(mulDims(n, n)), 'float32');
      const loss = sum(mul(softmax(matmul(a, b)), reshape(positions, [n, n])));
      const [da, db] = grad(loss, [a, b]);
      return emit({ loss, da: da!, db: db! }).bytes;
    };
    const first = build();
    exp(input('between', 'float32', []));
    expect(Buffer.from(build()).equals(Buffer.from(first))).toBe(true);
  });

  it('gives one value two names, and an input back as an output', async () => {
    const y = exp(x);
    const session = await openSession(emit({ one: y, two: y, three: x }).bytes);
    const results = await session.run({ x: toOrt('float32', vector(0, 0, 0)) });
    expect([results.one!, results.two!, results.three!].map((r) => numbersOf(r))).toEqual([
      [1, 1, 1],
      [1, 1, 1],
      [0, 0, 0],
    ]);
    await session.release();
  });
});

describe('weights that are converted for each use', () => {
  it('are converted when their product comes, not all at the beginning', async () => {
    const dir = mkdtempSync(join(tmpdir(), 'whetstone-emit-'));
    const layers = 6;
    let y = input('x', 'float32', [2, 64]);
    for (let layer = 0; layer < layers; layer++) {
      const codes = constant(
        Array.from({ length: 64 * 64 }, (_, i) => ((i + layer) % 11) - 5),
        'int8',
        [64, 64],
      );
      const scales = constant(new Array<number>(64).fill(0.01 * (layer + 1)), 'float32', [64, 1]);
      y = linear(exp(y), dequantize(codes, scales, 64));
    }
    try {
      const session = await InferenceSession.create(emit({ y }).bytes, {
        graphOptimizationLevel: 'basic',
        enableProfiling: true,
        profileFilePrefix: join(dir, 'profile'),
      });
      await session.run({ x: toOrt('float32', { shape: [2, 64], data: new Float64Array(128) }) });
      session.endProfiling();
      await session.release();
      const [file] = readdirSync(dir);
      const events = JSON.parse(readFileSync(join(dir, file!), 'utf8')) as {
        name: string;
        args?: { op_name?: string };
      }[];
      const ran = events
        .filter(({ name }) => name.endsWith('_kernel_time'))
        .flatMap(({ args }) => (/^(DequantizeLinear|Gemm)$/.test(args?.op_name ?? '') ? args!.op_name! : []));
      expect(ran).toEqual(Array.from({ length: layers }, () => ['DequantizeLinear', 'Gemm']).flat());
    } finally {
      rmSync(dir, { recursive: true, force: true });
    }
  });
});

describe('names', () => {
  it('may look like those that emission makes up', async () => {
    const [c0, t1, size] = ['c0', 't1', 'size_0'].map((name) => input(name, 'float64', [dim('n')]));
    const y = concat([add(c0!, 1), mul(t1!, 2), size!], 0);
    const total = add(y, sum(y));
    const session = await openSession(
      emit({ t0: total, c1: range(addDims(dim('n'), 1)), size_1: exp(c0!) }).bytes,
    );
    const feeds = { c0: vector(1), t1: vector(2), size_0: vector(3) };
    const results = await session.run(
      Object.fromEntries(Object.entries(feeds).map(([name, value]) => [name, toOrt('float64', value)])),
    );
    expect(numbersOf(results.t0!)).toEqual([11, 13, 12]);
    expect(numbersOf(results.c1!)).toEqual([0, 1]);
    await session.release();
  });

  it.each([
    ['two inputs', () => ({ y: add(input('x', 'float32', [2]), input('x', 'float32', [2])) })],
    ['an input and an output', () => ({ x: exp(input('x', 'float32', [2])) })],
    [
      'one place read as two shapes',
      () => {
        const as = (...shape: number[]): Tensor =>
          weight('w', 'float32', shape, { location: 'f', offset: 0, length: 16 });
        return { y: add(as(4, 1), as(1, 4)) };
      },
    ],
    [
      'two weights',
      () => {
        const at = (offset: number): Tensor =>
          weight('w', 'float32', [2], { location: 'f', offset, length: 8 });
        return { y: add(at(0), at(8)) };
      },
    ],
  ])('are refused where they belong to %s', (_, outputs) => {
    expect(() => emit(outputs())).toThrow(/emit: two values are named "[xw]"/);
  });
});

describe('sizes', () => {
  it('that no input has are refused by name', () => {
    const attempt = (): unknown => emit({ y: range(mulDims(2, dim('seq'))) });
    expect(attempt).toThrow(WhetstoneError);
    expect(attempt).toThrow(/emit: no input of the graph has a dimension "seq"/);
    try {
      attempt();
    } catch (error) {
      expect((error as WhetstoneError).code).toBe('GRAPH_UNBOUND_DIM');
    }
  });

  it('are computed from the inputs, polynomials included', async () => {
    const [n, m] = [dim('n'), dim('m')];
    const a = input('a', 'float64', [n, m]);
    const size = range(addDims(addDims(mulDims(2, n, m), mulDims(n, n)), -1));
    const session = await openSession(emit({ size, b: mul(a, 2) }).bytes);
    const { size: found } = await session.run({
      a: toOrt('float64', { shape: [2, 3], data: new Float64Array(6) }),
    });
    expect(found!.dims).toEqual([2 * 6 + 4 - 1]);
    await session.release();
  });
});

describe('external weights', () => {
  it('are read in place, by offset, each place once', async () => {
    const dir = mkdtempSync(join(tmpdir(), 'whetstone-emit-'));
    try {
      const values = Float32Array.of(9, 9, 1, 2, 3, 4, 5, 6);
      writeFileSync(join(dir, 'weights.bin'), new Uint8Array(values.buffer));
      const at = (name: string, shape: number[], offset: number): Tensor =>
        weight(name, 'float32', shape, {
          location: 'weights.bin',
          offset,
          length: 4 * shape.reduce((a, b) => a * b, 1),
        });
      // The same bytes as a matrix, under another name, and as a vector.
      const outputs = {
        matrix: add(at('w', [2, 3], 8), at('same', [2, 3], 8)),
        flat: add(at('row', [6], 8), 1),
        tail: mul(at('end', [2], 24), 10),
      };
      const model = emit(outputs);
      expect(Buffer.from(model.bytes).includes('same')).toBe(false);
      expect(model.bytes.length).toBeLessThan(2000);
      const session = await InferenceSession.create(model.bytes, {
        extra: { session: { model_external_initializers_file_folder_path: dir } },
      });
      const results = await session.run({});
      expect(numbersOf(results.matrix!)).toEqual([2, 4, 6, 8, 10, 12]);
      expect(results.matrix!.dims).toEqual([2, 3]);
      expect(numbersOf(results.flat!)).toEqual([2, 3, 4, 5, 6, 7]);
      expect(numbersOf(results.tail!)).toEqual([50, 60]);
      await session.release();
    } finally {
      rmSync(dir, { recursive: true });
    }
  });
});
