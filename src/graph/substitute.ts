// Traces for devices: where an execution provider of ONNX Runtime lacks a kernel, or has one that is wrong or far slower
// than others of its, the op is put in those. Knows single ops; what a graph computes stays the same.
import { cast } from './ops/elementwise.ts';
import { gemm, matmul } from './ops/matmul.ts';
import { inverseRms } from './ops/nn.ts';
import { dequantizeBlocks } from './ops/quantized.ts';
import type { OpNode, Tensor } from './tensor.ts';
import { inputsOf, recordOp, withMark } from './tensor.ts';
import { topologicalOrder } from './emit.ts';

/** The values of an op by other ops, in the op's order; null leaves it as it is. */
export type Substitute = (node: OpNode, outputs: readonly Tensor[]) => readonly Tensor[] | null;

/** Execution providers by the names that ONNX Runtime has for them. */
export type Provider = 'cpu' | 'webgpu' | 'cuda' | 'coreml' | 'dml';

/**
 * FusedMatMul transposes and scales within the product; where it has no kernel its operands would travel to the CPU
 * and back.
 */
const plainProduct: Substitute = ({ inputs: [a, b], attributes: { transA, transB, alpha } }) => {
  const options = { transA: transA === 1, transB: transB === 1, alpha: (alpha as { float: number }).float };
  return [matmul(a!, b!, { ...options, fused: false })];
};

/** The second output of the kernel, the inverse root mean square of each row, is left unwritten on WebGPU. */
const inverseBesides: Substitute = ({ op, inputs, attributes }, [normed]) => [
  recordOp(op, inputs, [normed!], { attributes })[0]!,
  inverseRms(inputs[0]!, (attributes['epsilon'] as { float: number }).float),
];

/**
 * Products of halves are added up in half precision on WebGPU, which leaves two digits of a sum of thousands
 * (dev/LOG.md), and have no kernel on most CPUs: operands become float32 for the product alone, and it is rounded once.
 */
const halfProduct: Substitute = ({ op, inputs, attributes }) => {
  if (inputs[0]!.dtype !== 'float16') return null;
  const [a, b, c] = inputs.map((x) => x && cast(x, 'float32', { eachUse: true }));
  if (op === 'MatMul') return [cast(matmul(a!, b!), 'float16')];
  const { transA, transB, alpha } = attributes;
  const options = { transA: transA === 1, transB: transB === 1, alpha: (alpha as { float: number }).float };
  return [cast(gemm(a!, b!, { ...options, c: c ?? undefined }), 'float16')];
};

const halfProducts = { Gemm: halfProduct, MatMul: halfProduct };

const dequantizedByRows: Substitute = (node, outputs) => {
  const values = dequantizeBlocks(node, outputs);
  return values && [values];
};

const substitutes: Readonly<Record<Provider, Readonly<Record<string, Substitute>>>> = {
  cpu: { DequantizeLinear: dequantizedByRows, ...halfProducts },
  webgpu: { FusedMatMul: plainProduct, SimplifiedLayerNormalization: inverseBesides, ...halfProducts },
  cuda: {},
  coreml: { FusedMatMul: plainProduct, ...halfProducts },
  dml: halfProducts,
};

/** The same outputs (name to traced tensor) for a provider. Derivatives have been traced before. */
export const substitute = (
  outputs: Readonly<Record<string, Tensor>>,
  provider: Provider,
): Readonly<Record<string, Tensor>> => replaceOps(outputs, substitutes[provider]);

/** The same outputs with the ops that the table names put by others, and what uses them traced again. */
export function replaceOps(
  outputs: Readonly<Record<string, Tensor>>,
  table: Readonly<Record<string, Substitute>>,
): Readonly<Record<string, Tensor>> {
  const nodes = topologicalOrder(Object.values(outputs));
  if (!nodes.some((node) => node.kind === 'op' && node.op in table)) return outputs;
  const known = new Map<Tensor, Tensor>();
  const present = (x: Tensor): Tensor => known.get(x) ?? x;
  for (const node of nodes) {
    if (node.kind === 'alias') {
      node.outputs.forEach((value, i) => {
        const passed = known.get(node.inputs[i]!);
        if (passed) known.set(value, passed);
      });
      continue;
    }
    if (node.kind !== 'op') continue;
    const moved = { ...node, inputs: node.inputs.map((x) => x && present(x)) };
    const replaced = withMark(node.mark, () => table[node.op]?.(moved, node.outputs) ?? null);
    const changed = inputsOf(node).some((x) => known.has(x));
    if (!replaced && !changed) continue;
    const { op, domain, attributes, mark, eachUse } = node;
    const again = (): readonly Tensor[] =>
      recordOp(op, moved.inputs, node.outputs, { domain, attributes, eachUse });
    const values = replaced ?? withMark(mark, again);
    node.outputs.forEach((value, i) => known.set(value, values[i]!));
  }
  if (known.size === 0) return outputs;
  return Object.fromEntries(Object.entries(outputs).map(([name, value]) => [name, present(value)]));
}
