// Substitutes are run on the CPU, whatever device is under test, since it has kernels for both: the same values, by other
// ops.
import { InferenceSession } from 'onnxruntime-node';
import { expect, it } from 'vitest';
import { expectClose, numbersOf, toOrt } from './gradient-check.test-helper.ts';
import type { Tensor } from './index.ts';
import {
  add,
  emit,
  grad,
  input,
  matmul,
  mul,
  recompute,
  rmsNorm,
  substitute,
  sum,
  withGradient,
} from './index.ts';

const [a, b, w] = [
  input('a', 'float32', [3, 4]),
  input('b', 'float32', [3, 4]),
  input('w', 'float32', [4]),
] as const;

/** A product with a transposition and a factor, of a norm whose derivative needs its kernel's second output. */
function someGraph(): Record<string, Tensor> {
  const product = matmul(rmsNorm(a, w, 1e-3), b, { transB: true, alpha: 0.5 });
  const [passed] = withGradient([product], [product], ([g]) => [g ?? null]);
  const [da, db, dw] = grad(sum(mul(passed!, passed!)), [a, b, w]);
  return { product: passed!, da: da!, db: db!, dw: dw! };
}

const feeds = {
  a: toOrt('float32', { shape: [3, 4], data: Float64Array.from({ length: 12 }, (_, i) => Math.sin(3 * i)) }),
  b: toOrt('float32', { shape: [3, 4], data: Float64Array.from({ length: 12 }, (_, i) => Math.cos(i)) }),
  w: toOrt('float32', { shape: [4], data: Float64Array.of(1, -0.5, 2, 0.25) }),
};

const opsIn = (bytes: Uint8Array): string => Buffer.from(bytes).toString('latin1');

it('gives the same values by ops that the provider has', async () => {
  const graph = someGraph();
  const [plain, put] = [emit(graph), emit(substitute(graph, 'webgpu'))];
  expect(opsIn(plain.bytes)).toContain('FusedMatMul');
  expect(opsIn(put.bytes)).not.toContain('FusedMatMul');
  const results = [];
  for (const { bytes } of [plain, put]) {
    const session = await InferenceSession.create(bytes);
    results.push(await session.run(feeds));
    await session.release();
  }
  for (const name of Object.keys(graph))
    expectClose(numbersOf(results[1]![name]!), numbersOf(results[0]![name]!), 1e-6, name);
});

it('leaves the graph of the CPU as it is', () => {
  const graph = someGraph();
  expect(substitute(graph, 'cpu')).toBe(graph);
});

it('computes again what is meant to be computed again', () => {
  const product = (): Tensor => matmul(a, b, { transB: true, alpha: 2 });
  const twice = { sum: add(product(), recompute(product)) };
  const once = { sum: add(product(), product()) };
  const count = (graph: Record<string, Tensor>): number => emit(substitute(graph, 'webgpu')).nodeCount;
  // Transpose, MatMul and Mul once more.
  expect(count(twice) - count(once)).toBe(3);
});
