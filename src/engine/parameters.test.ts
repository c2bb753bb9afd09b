// The flat vector of trainable tensors: where each lies, what is decayed, what a fresh adapter starts from.
import { describe, expect, it } from 'vitest';
import { initialLora, layOut, views } from './parameters.ts';
import { createRandom } from '../random.ts';

const parameters = [
  { name: 'norm.weight', shape: [3] },
  { name: 'up.lora_A.weight', shape: [2, 25] },
  { name: 'up.lora_B.weight', shape: [4, 2] },
  { name: 'bias', shape: [4] },
];

describe('layOut', () => {
  const layout = layOut(parameters);

  it('puts matrices first, which weight decay applies to, and leaves no gap', () => {
    expect(layout.parameters.map(({ name, offset, size }) => [name, offset, size])).toEqual([
      ['up.lora_A.weight', 0, 50],
      ['up.lora_B.weight', 50, 8],
      ['norm.weight', 58, 3],
      ['bias', 61, 4],
    ]);
    expect([layout.decayed, layout.total]).toEqual([58, 65]);
    expect(layOut([])).toEqual({ parameters: [], total: 0, decayed: 0 });
  });

  it('gives views, not copies', () => {
    const flat = Float32Array.from({ length: 65 }, (_, i) => i);
    const named = views(layout, flat, 'grad.');
    expect(named['grad.norm.weight']).toEqual({ data: Float32Array.of(58, 59, 60), dims: [3] });
    flat[58] = -1;
    expect(named['grad.norm.weight']!.data[0]).toBe(-1);
  });

  it('starts adapters as PEFT does: A uniform within 1/sqrt(in), B zero', () => {
    const flat = initialLora(layout, createRandom(1));
    const a = flat.subarray(0, 50);
    expect(a.every((x) => Math.abs(x) <= 0.2)).toBe(true);
    expect(Math.max(...a)).toBeGreaterThan(0.15);
    expect(Math.min(...a)).toBeLessThan(-0.15);
    expect(flat.subarray(50).every((x) => x === 0)).toBe(true);
    expect(initialLora(layout, createRandom(1))).toEqual(flat);
    expect(initialLora(layout, createRandom(2))).not.toEqual(flat);
  });
});
