// From a trace to an ONNX model: only what the outputs need, each value once.
import { WhetstoneError } from '../errors.ts';
import type { Dim, Shape, SymbolicDim } from './dim.ts';
import { dimKey, formatShape } from './dim.ts';
import type { OnnxInitializer, OnnxNode, OnnxValue } from './onnx.ts';
import { encodeModel } from './onnx.ts';
import type { Node, Tensor } from './tensor.ts';
import { inputsOf } from './tensor.ts';

export interface EmittedModel {
  readonly bytes: Uint8Array;
  /** Names of the inputs that the outputs depend on, in the order they were traced. */
  readonly inputs: readonly OnnxValue[];
  readonly outputs: readonly OnnxValue[];
  readonly nodeCount: number;
}

/**
 * Emits the model that computes `outputs` (name to traced tensor).
 * Throws `GRAPH_UNBOUND_DIM` where a symbolic dimension is needed at run time and no input has it.
 */
export function emit(outputs: Readonly<Record<string, Tensor>>): EmittedModel {
  const order = topologicalOrder(Object.values(outputs));
  const inputs: OnnxValue[] = order.flatMap(({ kind, outputs: [value], ...node }) =>
    kind === 'input'
      ? [{ name: (node as { name: string }).name, dtype: value!.dtype, shape: value!.shape }]
      : [],
  );
  const nodes: OnnxNode[] = [];
  const initializers: OnnxInitializer[] = [];
  const values: OnnxValue[] = [];
  const names = new Map<Tensor, string>();
  const sizes = sizeEmitter(inputs, nodes, initializers);
  const known = new Map<string, readonly string[]>();
  let count = 0;

  for (const node of order) {
    switch (node.kind) {
      case 'input':
        names.set(node.outputs[0]!, node.name);
        break;
      case 'constant':
      case 'weight': {
        const value = node.outputs[0]!;
        const data = node.kind === 'weight' ? node.external : node.data;
        const key =
          node.kind === 'weight'
            ? `weight ${value.dtype} ${formatShape(value.shape)} ${node.external.location} ${node.external.offset}`
            : `constant ${value.dtype} ${formatShape(value.shape)} ${Buffer.from(node.data).toString('base64')}`;
        let name = known.get(key)?.[0];
        if (name === undefined) {
          name = node.kind === 'weight' ? node.name : `c${count++}`;
          initializers.push({ name, dtype: value.dtype, shape: value.shape as number[], data });
          known.set(key, [name]);
        }
        names.set(value, name);
        break;
      }
      case 'dims':
        names.set(node.outputs[0]!, sizes.vector(node.dims));
        break;
      case 'alias':
        node.outputs.forEach((value, i) => names.set(value, names.get(node.inputs[i]!)!));
        break;
      case 'op': {
        const operands = node.inputs.map((t) => (t ? names.get(t)! : ''));
        const key = `${node.mark} ${node.domain}:${node.op}(${operands.join()})${JSON.stringify(node.attributes)}`;
        let results = known.get(key);
        if (!results) {
          results = node.outputs.map(() => `t${count++}`);
          nodes.push({
            op: node.op,
            domain: node.domain,
            inputs: operands,
            outputs: results,
            attributes: node.attributes,
          });
          known.set(key, results);
          node.outputs.forEach(({ dtype, shape }, i) => values.push({ name: results![i]!, dtype, shape }));
        }
        node.outputs.forEach((value, i) => names.set(value, results[i]!));
        break;
      }
    }
  }

  const results: OnnxValue[] = Object.entries(outputs).map(([name, value]) => {
    nodes.push({ op: 'Identity', domain: '', inputs: [names.get(value)!], outputs: [name], attributes: {} });
    return { name, dtype: value.dtype, shape: value.shape };
  });
  const bytes = encodeModel({ nodes, initializers, inputs, outputs: results, values });
  return { bytes, inputs, outputs: results, nodeCount: nodes.length };
}

/** Nodes that the roots depend on, in the order they were traced. */
function topologicalOrder(roots: readonly Tensor[]): Node[] {
  const found = new Set<Node>();
  const stack = roots.map((t) => t.node);
  while (stack.length > 0) {
    const node = stack.pop()!;
    if (found.has(node)) continue;
    found.add(node);
    for (const source of inputsOf(node)) stack.push(source.node);
  }
  return [...found].sort((a, b) => a.id - b.id);
}

/** Computes symbolic sizes from the shapes of the inputs, each once. */
function sizeEmitter(
  inputs: readonly OnnxValue[],
  nodes: OnnxNode[],
  initializers: OnnxInitializer[],
): { vector: (dims: Shape) => string } {
  const done = new Map<string, string>();
  const once = (key: string, make: (name: string) => void): string => {
    const name = `size_${done.size}`;
    const found = done.get(key);
    if (found !== undefined) return found;
    done.set(key, name);
    make(name);
    return name;
  };
  const op = (
    type: string,
    operands: readonly string[],
    output: string,
    attributes: OnnxNode['attributes'] = {},
  ): void => {
    nodes.push({ op: type, domain: '', inputs: operands, outputs: [output], attributes });
  };
  const literal = (value: number): string =>
    once(`literal ${value}`, (name) => {
      const data = new Uint8Array(BigInt64Array.of(BigInt(value)).buffer);
      initializers.push({ name, dtype: 'int64', shape: [1], data });
    });
  const symbol = (name: string): string =>
    once(`symbol ${name}`, (output) => {
      for (const value of inputs) {
        const axis = value.shape.findIndex((d) => typeof d !== 'number' && d.key === name);
        if (axis >= 0) return op('Shape', [value.name], output, { start: axis, end: axis + 1 });
      }
      throw new WhetstoneError('GRAPH_UNBOUND_DIM', `emit: no input of the graph has a dimension "${name}"`, {
        hint: 'Sizes are read from the inputs that some output depends on; add an output that uses one.',
      });
    });
  const fold = (type: string, parts: readonly string[], key: string): string =>
    parts
      .slice(1)
      .reduce((a, b, i) => once(`${key} ${type} ${i}`, (name) => op(type, [a, b], name)), parts[0]!);
  const polynomial = ({ key, terms }: SymbolicDim): string =>
    fold(
      'Add',
      terms.map(({ coefficient, symbols }) => {
        const factors = [
          ...(coefficient === 1 && symbols.length > 0 ? [] : [literal(coefficient)]),
          ...symbols.map(symbol),
        ];
        return fold('Mul', factors, `${coefficient} ${symbols.join('*')}`);
      }),
      key,
    );
  const size = (d: Dim): string => (typeof d === 'number' ? literal(d) : polynomial(d));
  const vector = (dims: Shape): string => {
    if (dims.length === 0) {
      return once('empty', (name) => {
        initializers.push({ name, dtype: 'int64', shape: [0], data: new Uint8Array(0) });
      });
    }
    if (dims.length === 1) return size(dims[0]!);
    return once(`vector ${dims.map(dimKey).join()}`, (name) =>
      op('Concat', dims.map(size), name, { axis: 0 }),
    );
  };
  return { vector };
}
