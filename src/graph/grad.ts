// Reverse-mode differentiation of a trace. Knows nodes and their VJPs, nothing of what they compute.
import { WhetstoneError } from '../errors.ts';
import { formatShape, sameShape } from './dim.ts';
import { add } from './ops/elementwise.ts';
import { sumTo } from './ops/reduce.ts';
import type { Node, Tensor } from './tensor.ts';
import { constant, isFloat } from './tensor.ts';
import { expandTo } from './ops/shape.ts';

/**
 * Gradients of a scalar with respect to `params`, each of its parameter's shape.
 * A parameter that the loss does not depend on gets zeros. Throws `GRAPH_SHAPE` for a loss that is no scalar,
 * `GRAPH_NO_GRADIENT` where the loss reaches a parameter only through an op that has no derivative.
 */
export function grad(loss: Tensor, params: readonly Tensor[]): Tensor[] {
  if (loss.shape.length !== 0) {
    throw new WhetstoneError(
      'GRAPH_SHAPE',
      `grad: the loss must be a scalar; got ${formatShape(loss.shape)}`,
    );
  }
  return vjp([loss], [constant(1, loss.dtype)], params);
}

/** Cotangents of `params` from those of `outputs`: the vector-Jacobian product. */
export function vjp(
  outputs: readonly Tensor[],
  cotangents: readonly Tensor[],
  params: readonly Tensor[],
): Tensor[] {
  const reaches = reachability(params);
  const collected = new Map<Node, (Tensor | null)[]>();

  const give = (target: Tensor, cotangent: Tensor): void => {
    if (!sameShape(target.shape, cotangent.shape)) {
      throw new WhetstoneError(
        'GRAPH_SHAPE',
        `grad: a cotangent of ${formatShape(cotangent.shape)} for a value of ${formatShape(target.shape)}`,
      );
    }
    const slots = collected.get(target.node) ?? target.node.outputs.map(() => null);
    const known = slots[target.output];
    slots[target.output] = known ? add(known, cotangent) : cotangent;
    collected.set(target.node, slots);
  };

  outputs.forEach((output, i) => {
    if (reaches(output.node)) give(output, cotangents[i]!);
  });
  for (const node of latestFirst(outputs, reaches)) {
    const sources = sourcesOf(node);
    const received = collected.get(node);
    if (!received || !sources.some((s) => s && reaches(s.node))) continue;
    if ((node.kind !== 'op' && node.kind !== 'alias') || !node.vjp) {
      const op = node.kind === 'op' ? node.op : node.kind;
      throw new WhetstoneError(
        'GRAPH_NO_GRADIENT',
        `grad: ${op} has no derivative; use stopGradient if that is meant`,
      );
    }
    const pulled = node.vjp(received);
    sources.forEach((source, i) => {
      const cotangent = pulled[i];
      if (source && cotangent && isFloat(source.dtype) && reaches(source.node)) give(source, cotangent);
    });
  }

  return params.map((p) => {
    const cotangent = collected.get(p.node)?.[p.output];
    return cotangent ? sumTo(cotangent, p.shape) : expandTo(constant(0, p.dtype), p.shape);
  });
}

/** Nodes between the parameters and the outputs. A node's number is larger than those of all it depends on. */
function latestFirst(outputs: readonly Tensor[], reaches: (node: Node) => boolean): Node[] {
  const found = new Set<Node>();
  const stack = outputs.map(({ node }) => node);
  while (stack.length > 0) {
    const node = stack.pop()!;
    if (found.has(node) || !reaches(node)) continue;
    found.add(node);
    for (const source of sourcesOf(node)) if (source && isFloat(source.dtype)) stack.push(source.node);
  }
  return [...found].sort((a, b) => b.id - a.id);
}

function sourcesOf(node: Node): readonly (Tensor | null)[] {
  return node.kind === 'op' ? node.inputs : node.kind === 'alias' ? node.sources : [];
}

/** Whether a value depends differentiably on one of the parameters. */
export function reachability(params: readonly Tensor[]): (node: Node) => boolean {
  const known = new Map<Node, boolean>(params.map((p) => [p.node, true]));
  return (start) => {
    const stack = [start];
    while (stack.length > 0) {
      const node = stack.at(-1)!;
      if (known.has(node)) {
        stack.pop();
        continue;
      }
      const sources = sourcesOf(node).flatMap((s) => (s && isFloat(s.dtype) ? [s.node] : []));
      const unknown = sources.filter((s) => !known.has(s));
      if (unknown.length > 0) {
        stack.push(...unknown);
        continue;
      }
      known.set(
        node,
        sources.some((s) => known.get(s)),
      );
      stack.pop();
    }
    return known.get(start)!;
  };
}
