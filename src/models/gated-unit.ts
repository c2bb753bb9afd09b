// The gated activation of the MLP, f(gate) * up (GLU variants, arXiv 2002.05202), rebuilt for the derivative.
import type { Tensor } from '../graph/index.ts';
import { cast, mul, recompute, vjp, withGradient } from '../graph/index.ts';
import type { Activation } from './lora.ts';
import { wide, widened } from './precision.ts';

/**
 * activate(gate) * up, elementwise on [rows, intermediateSize], computed in float32 and kept in the dtype of `gate` and `up`.
 * Only gate and up live until the derivative.
 */
export function gatedUnit(gate: Tensor, up: Tensor, activate: (x: Tensor) => Tensor): Activation {
  let rebuilt: { x: Tensor; y: Tensor } | null = null;
  const rebuild = (): { x: Tensor; y: Tensor } => {
    const x = widened(gate);
    return { x, y: activate(x) };
  };
  const activated = (): { x: Tensor; y: Tensor } => (rebuilt ??= recompute(rebuild));
  const rounded = (x: Tensor): Tensor => cast(x, gate.dtype);
  const [value] = withGradient([rounded(mul(activate(wide(gate)), wide(up)))], [gate, up], ([g]) => {
    if (!g) return [null, null];
    const { x, y } = activated();
    const [dGate] = vjp([y], [mul(wide(g), wide(up))], [x]);
    return [rounded(dGate!), rounded(mul(wide(g), y))];
  });
  return { value: value!, again: () => rounded(mul(activated().y, wide(up))) };
}
