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
  /**
   * Whether weights are converted where they are used. Folding such a conversion would put the converted copy in the
   * weight's place, for good.
   */
  readonly convertsWeights: boolean;
}

/**
 * Emits the model that computes `outputs` (name to traced tensor).
 * Throws `GRAPH_UNBOUND_DIM` where a symbolic dimension is needed at run time and no input has it, `GRAPH_NAME`
 * where two inputs, weights or outputs have one name.
 */
export function emit(outputs: Readonly<Record<string, Tensor>>): EmittedModel {
  const order = topologicalOrder(Object.values(outputs));
  const emission = beginEmission(order, Object.keys(outputs));
  for (const node of order) emitNode(emission, node);
  const { inputs, nodes, initializers, values, names } = emission;
  const entries = Object.entries(outputs);
  const results = entries.map(([name, { dtype, shape }]): OnnxValue => ({ name, dtype, shape }));
  const leaving = entries.map(([name, value]) => ({
    name,
    source: names.get(value) ?? valueForOneUse(emission, value),
  }));
  const ordered = convertedLate(earlyResultsLast(nodes, leaving), initializers);
  const bytes = encodeModel({ nodes: ordered, initializers, inputs, outputs: results, values });
  const convertsWeights = order.some(
    (node) =>
      node.kind === 'op' && node.op === 'Cast' && node.eachUse && node.inputs[0]!.node.kind === 'weight',
  );
  return { bytes, inputs, outputs: results, nodeCount: ordered.length, convertsWeights };
}

/** A model on its way. */
interface Emission {
  readonly inputs: readonly OnnxValue[];
  readonly nodes: OnnxNode[];
  readonly initializers: OnnxInitializer[];
  /** Values between inputs and outputs. */
  readonly values: OnnxValue[];
  readonly names: Map<Tensor, string>;
  /** Names of what has been emitted, by what it is; the same thing is not emitted twice. */
  readonly known: Map<string, readonly string[]>;
  readonly freshName: (prefix: string) => string;
  readonly sizes: SizeEmitter;
}

function beginEmission(order: readonly Node[], outputs: readonly string[]): Emission {
  const inputs = order.flatMap((node): OnnxValue[] => {
    if (node.kind !== 'input') return [];
    const { dtype, shape } = node.outputs[0]!;
    return [{ name: node.name, dtype, shape }];
  });
  const nodes: OnnxNode[] = [];
  const initializers: OnnxInitializer[] = [];
  const given = givenNames(order, outputs);
  let count = 0;
  const freshName = (prefix: string): string => {
    const name = `${prefix}${count++}`;
    return given.has(name) ? freshName(prefix) : name;
  };
  return {
    inputs,
    nodes,
    initializers,
    values: [],
    names: new Map(),
    known: new Map(),
    freshName,
    sizes: sizeEmitter(inputs, nodes, initializers, given),
  };
}

function emitNode(emission: Emission, node: Node): void {
  const { names, sizes } = emission;
  switch (node.kind) {
    case 'input':
      names.set(node.outputs[0]!, node.name);
      break;
    case 'constant':
    case 'weight':
      names.set(node.outputs[0]!, initializerFor(emission, node));
      break;
    case 'dims':
      names.set(node.outputs[0]!, sizes.vector(node.dims));
      break;
    case 'alias':
      node.outputs.forEach((value, i) => names.set(value, names.get(node.inputs[i]!)!));
      break;
    case 'op': {
      if (node.eachUse) break;
      const results = resultsOf(emission, node);
      node.outputs.forEach((value, i) => names.set(value, results[i]!));
      break;
    }
  }
}

/** The name of a constant or a weight. */
function initializerFor(
  { initializers, known, freshName }: Emission,
  node: Node & { kind: 'constant' | 'weight' },
): string {
  const { dtype, shape } = node.outputs[0]!;
  const key =
    node.kind === 'weight'
      ? placeOf(node)
      : `constant ${dtype} ${formatShape(shape)} ${Buffer.from(node.data).toString('base64')}`;
  const found = known.get(key);
  if (found) return found[0]!;
  const name = node.kind === 'weight' ? node.name : freshName('c');
  const data = node.kind === 'weight' ? node.external : node.data;
  initializers.push({ name, dtype, shape: shape as number[], data });
  known.set(key, [name]);
  return name;
}

/** Emits the op of a value that is computed for each of its uses, and before it those of its inputs that are, too. */
function valueForOneUse(emission: Emission, { node, output }: Tensor): string {
  const { nodes, values, names, freshName } = emission;
  const { op, domain, attributes, outputs, ...own } = node as Node & { kind: 'op' };
  const inputs = own.inputs.map((t) => (t ? (names.get(t) ?? valueForOneUse(emission, t)) : ''));
  const made = outputs.map(() => freshName('t'));
  nodes.push({ op, domain, inputs, outputs: made, attributes });
  outputs.forEach(({ dtype, shape }, i) => values.push({ name: made[i]!, dtype, shape }));
  return made[output]!;
}

/** The names of an operation's results. */
function resultsOf(emission: Emission, operation: Node & { kind: 'op' }): readonly string[] {
  const { nodes, values, names, known, freshName } = emission;
  const { op, domain, mark, attributes, ...node } = operation;
  // What is computed for each use has no name yet; equal ops that use it are still one op.
  const meant = node.inputs.map((t) => (t ? (names.get(t) ?? `a use of ${t.node.id}`) : ''));
  const key = `${mark} ${domain}:${op}(${meant.join()})${JSON.stringify(attributes)}`;
  const found = known.get(key);
  if (found) return found;
  const inputs = node.inputs.map((t) => (t ? (names.get(t) ?? valueForOneUse(emission, t)) : ''));
  const outputs = node.outputs.map(() => freshName('t'));
  nodes.push({ op, domain, inputs, outputs, attributes });
  known.set(key, outputs);
  node.outputs.forEach(({ dtype, shape }, i) => values.push({ name: outputs[i]!, dtype, shape }));
  return outputs;
}

/**
 * Appends the outputs and moves nodes that only outputs use to the end, the first traced last. ONNX Runtime
 * runs a graph depth-first from its leaves, the last one first, so this order computes each result as soon as
 * it can be, and lets go of what it needs; in the traced order all gradients of weights would wait for the end
 * of the backward pass, with every layer's cotangents kept for them.
 */
function earlyResultsLast(
  nodes: readonly OnnxNode[],
  leaving: readonly { name: string; source: string }[],
): OnnxNode[] {
  const consumed = new Set(nodes.flatMap(({ inputs }) => inputs));
  const isLeaf = (node: OnnxNode): boolean => !node.outputs.some((name) => consumed.has(name));
  const position = new Map(nodes.flatMap(({ outputs }, i) => outputs.map((name) => [name, i] as const)));
  const identities = [...leaving]
    .sort((a, b) => (position.get(b.source) ?? -1) - (position.get(a.source) ?? -1))
    .map(({ name, source }): OnnxNode => ({
      op: 'Identity',
      domain: '',
      inputs: [source],
      outputs: [name],
      attributes: {},
    }));
  return [...nodes.filter((n) => !isLeaf(n)), ...nodes.filter(isLeaf).reverse(), ...identities];
}

/**
 * Puts nodes that follow from initializers alone first. Of a node's inputs ONNX Runtime computes the one that comes last
 * in this order first; a weight that is converted for a product would otherwise be converted before all that the product's
 * other side needs, so that every converted weight of the model was held at once.
 */
function convertedLate(nodes: readonly OnnxNode[], initializers: readonly OnnxInitializer[]): OnnxNode[] {
  const fixed = new Set(['', ...initializers.map(({ name }) => name)]);
  const isFixed = nodes.map(({ inputs, outputs }) => {
    if (!inputs.every((name) => fixed.has(name))) return false;
    for (const name of outputs) fixed.add(name);
    return true;
  });
  return [...nodes.filter((_, i) => isFixed[i]), ...nodes.filter((_, i) => !isFixed[i])];
}

/** Nodes that the roots depend on, in the order they were traced. */
export function topologicalOrder(roots: readonly Tensor[]): Node[] {
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

/** What a weight is, its name aside. */
function placeOf({ external: { location, offset }, outputs: [value] }: Node & { kind: 'weight' }): string {
  return `weight ${value!.dtype} ${formatShape(value!.shape)} ${location} ${offset}`;
}

/** The names that the trace's author chose. Weights at one place in one file are one value, whatever their names. */
function givenNames(order: readonly Node[], outputs: readonly string[]): ReadonlySet<string> {
  const places = new Map<string, string>();
  const claim = (name: string, place: string): void => {
    if ((places.get(name) ?? place) !== place) {
      throw new WhetstoneError('GRAPH_NAME', `emit: two values are named "${name}"`, {
        hint: 'Inputs, weights and outputs share one set of names.',
      });
    }
    places.set(name, place);
  };
  for (const node of order) {
    if (node.kind === 'input') claim(node.name, `input ${node.id}`);
    if (node.kind === 'weight') claim(node.name, placeOf(node));
  }
  for (const name of outputs) claim(name, 'output');
  return new Set(places.keys());
}

interface SizeEmitter {
  /** The name of an int64 vector of these sizes. */
  readonly vector: (dims: Shape) => string;
}

/** Computes symbolic sizes from the shapes of the inputs, each once. */
function sizeEmitter(
  inputs: readonly OnnxValue[],
  nodes: OnnxNode[],
  initializers: OnnxInitializer[],
  given: ReadonlySet<string>,
): SizeEmitter {
  const done = new Map<string, string>();
  const once = (key: string, make: (name: string) => void): string => {
    const found = done.get(key);
    if (found !== undefined) return found;
    let name = `size_${done.size}`;
    while (given.has(name)) name = `_${name}`;
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
