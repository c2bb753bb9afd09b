// The gated activation of the MLP, f(gate) * up (GLU variants, arXiv 2002.05202), rebuilt for the derivative.
import type { Tensor } from '../graph/index.ts';
import { mul, recompute, vjp, withGradient } from '../graph/index.ts';
import type { Activation } from './lora.ts';

/** activate(gate) * up, elementwise on [rows, intermediateSize]. Only gate and up live until the derivative. */
export function gatedUnit(gate: Tensor, up: Tensor, activate: (x: Tensor) => Tensor): Activation {
  let rebuilt: Tensor | null = null;
  const activated = (): Tensor => (rebuilt ??= recompute(() => activate(gate)));
  const [value] = withGradient([mul(activate(gate), up)], [gate, up], ([g]) => {
    if (!g) return [null, null];
    const [dGate] = vjp([activated()], [mul(g, up)], [gate]);
    return [dGate!, mul(g, activated())];
  });
  return { value: value!, again: () => mul(activated(), up) };
}
