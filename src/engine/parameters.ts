// The trainable tensors as one flat vector, so that optimizer, clipping and checkpoints see plain arrays.
import type { Parameter } from '../models/index.ts';
import { elementsOf } from '../models/index.ts';
import type { Feed } from './session.ts';
import type { Random } from '../random.ts';

export interface ParameterLayout {
  readonly parameters: readonly (Parameter & { readonly offset: number; readonly size: number })[];
  readonly total: number;
  /** Parameters that weight decay applies to come first: [0, decayed). */
  readonly decayed: number;
}

/**
 * Lays parameters out one after the other, those with weight decay first. As in transformers' Trainer, biases
 * and norm weights, which are vectors, are not decayed.
 */
export function layOut(parameters: readonly Parameter[]): ParameterLayout {
  const matrices = parameters.filter(({ shape }) => shape.length > 1);
  const vectors = parameters.filter(({ shape }) => shape.length <= 1);
  let total = 0;
  const placed = [...matrices, ...vectors].map((p) => {
    const size = elementsOf(p.shape);
    const at = { ...p, offset: total, size };
    total += size;
    return at;
  });
  const decayed = placed.filter(({ shape }) => shape.length > 1).reduce((sum, { size }) => sum + size, 0);
  return { parameters: placed, total, decayed };
}

/** Views into a flat vector, one a parameter, under `prefix` + name. */
export function views(layout: ParameterLayout, flat: Float32Array, prefix = ''): Record<string, Feed> {
  return Object.fromEntries(
    layout.parameters.map(({ name, shape, offset, size }) => [
      prefix + name,
      { data: flat.subarray(offset, offset + size), dims: shape },
    ]),
  );
}

/** PEFT's initial adapter: A uniform in +-1/sqrt(in) (Kaiming with a = sqrt(5)), B zero. */
export function initialLora(layout: ParameterLayout, random: Random): Float32Array {
  const flat = new Float32Array(layout.total);
  for (const { name, shape, offset, size } of layout.parameters) {
    if (!name.endsWith('.lora_A.weight')) continue;
    const bound = 1 / Math.sqrt(shape[1]!);
    for (let i = offset; i < offset + size; i++) flat[i] = (2 * random.float() - 1) * bound;
  }
  return flat;
}
