// Against what is published of models, what PyTorch counts, and what has to follow from what.
import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import {
  flopsOfSequence,
  gpuKinds,
  loraElements,
  memoryOfRank,
  modelElements,
  placeRun,
  readDevices,
  requireRoom,
  shapeOf,
  totalOf,
} from './index.ts';
import type { TrainingShape } from './index.ts';

const llama = (fields: object): ReturnType<typeof shapeOf> => shapeOf({ model_type: 'llama', ...fields });
const llama13b = llama({
  hidden_size: 5120,
  intermediate_size: 13824,
  num_hidden_layers: 40,
  num_attention_heads: 40,
  vocab_size: 32000,
});
const llama70b = llama({
  hidden_size: 8192,
  intermediate_size: 28672,
  num_hidden_layers: 80,
  num_attention_heads: 64,
  num_key_value_heads: 8,
  vocab_size: 128256,
});
const lora = { rank: 16, targets: ['gate_proj', 'up_proj', 'down_proj'] };
const training = (fields: Partial<TrainingShape>): TrainingShape => ({
  ...{ shape: llama13b, lora, baseDtype: 'float32', tokens: 2048, responseTokens: 1024, ranks: 1 },
  ...fields,
});

describe('sizes of a model', () => {
  // Parameters that the checkpoints on the hub have.
  it.each([
    ['Llama 2 13B', llama13b, 13_015_864_320],
    ['Llama 3 70B', llama70b, 70_553_706_496],
    [
      'Qwen3 0.6B',
      shapeOf({
        model_type: 'qwen3',
        hidden_size: 1024,
        intermediate_size: 3072,
        num_hidden_layers: 28,
        num_attention_heads: 16,
        num_key_value_heads: 8,
        head_dim: 128,
        vocab_size: 151936,
        tie_word_embeddings: true,
      }),
      596_049_920,
    ],
    [
      'Pythia 6.9B',
      shapeOf({
        model_type: 'gpt_neox',
        hidden_size: 4096,
        intermediate_size: 16384,
        num_hidden_layers: 32,
        num_attention_heads: 32,
        vocab_size: 50432,
      }),
      6_857_302_016,
    ],
    [
      'GPT-2',
      shapeOf({
        model_type: 'gpt2',
        n_embd: 768,
        n_layer: 12,
        n_head: 12,
        vocab_size: 50257,
        tie_word_embeddings: true,
      }),
      124_439_808,
    ],
  ])('%s', (_, shape, parameters) => {
    expect(Math.abs(modelElements(shape) / parameters - 1)).toBeLessThan(0.01);
  });

  it('of the text part where a model also sees', () => {
    const text = {
      hidden_size: 64,
      intermediate_size: 128,
      num_hidden_layers: 2,
      num_attention_heads: 4,
      vocab_size: 100,
    };
    expect(shapeOf({ model_type: 'gemma3', text_config: text })).toEqual(
      shapeOf({ model_type: 'gemma3', ...text }),
    );
  });

  it('an adapter has rank x (inputs + outputs) elements a matrix', () => {
    expect(loraElements(llama13b, lora)).toBe(40 * 16 * 3 * (5120 + 13824));
    expect(loraElements(llama70b, { rank: 1, targets: ['q_proj', 'k_proj'] })).toBe(
      80 * (2 * 8192 + 8192 + 1024),
    );
  });

  it.each<[object, RegExp]>([
    [{ hidden_size: '64' }, /hidden_size": expected a positive whole number, found "64"/],
    [{ num_hidden_layers: 2, num_attention_heads: 2 }, /expected hidden_size or n_embd/],
    [
      { hidden_size: 8, num_attention_heads: 2, num_local_experts: 8 },
      /num_local_experts": a mixture of 8 experts/,
    ],
  ])('refuses %j', (fields, message) => {
    expect(() => shapeOf(fields as Record<string, unknown>)).toThrow(message);
  });
});

describe('FLOPs', () => {
  const golden = JSON.parse(
    readFileSync(new URL('../../test/golden/scale/flops.json', import.meta.url), 'utf8'),
  ) as {
    config: Record<string, unknown>;
    rank: number;
    targets: string[];
    cases: { lora: boolean; tokens: number; responseTokens: number; flops: number }[];
  };
  it.each(golden.cases)('as PyTorch counts them: %j', ({ lora: adapter, flops, ...sizes }) => {
    const shape = shapeOf(golden.config);
    const ours = flopsOfSequence({ shape, lora: adapter ? golden : null }, sizes);
    // PyTorch counts the masked half of attention, and the adapter's own products, a hundredth.
    const masked = 8 * shape.layers * sizes.tokens ** 2 * shape.heads * shape.headDim;
    expect(Math.abs((ours + masked) / flops - 1)).toBeLessThan(0.03);
  });
});

describe('memory of a device', () => {
  it('weights are spread, what a sequence takes is not', () => {
    const [one, eight] = [1, 8].map((ranks) => memoryOfRank(training({ ranks })));
    expect(one!.weights).toBe(2 * modelElements(llama13b));
    expect(eight!.weights).toBe(one!.weights / 8);
    expect(eight!.activations).toBe(one!.activations);
    expect(eight!.gathered).toBeGreaterThan(0);
    expect(one!.gathered).toBe(0);
  });

  it('every weight trained takes 16 bytes an element', () => {
    expect(memoryOfRank(training({ lora: null })).weights).toBe(16 * modelElements(llama13b));
    expect(memoryOfRank(training({ lora: null })).adapter).toBe(0);
  });

  it('fewer bits, shorter sequences and more devices never take more', () => {
    const totals = (['float32', 'int8', 'int4'] as const).map((baseDtype) =>
      totalOf(memoryOfRank(training({ baseDtype }))),
    );
    expect(totals).toEqual([...totals].sort((a, b) => b - a));
    expect(totalOf(memoryOfRank(training({ tokens: 1024, responseTokens: 512 })))).toBeLessThan(totals[0]!);
    const ranks = [2, 4, 8, 64].map((count) => totalOf(memoryOfRank(training({ ranks: count }))));
    expect(ranks).toEqual([...ranks].sort((a, b) => b - a));
  });
});

describe('placements', () => {
  const data = { sequences: 1000, tokens: 400_000, responseTokens: 200_000, epochs: 3 };
  const place = (devices: string, fields: Partial<TrainingShape> = {}): ReturnType<typeof placeRun> =>
    placeRun(training(fields), data, readDevices(devices), 0.35);

  it('13B fits one H200; 70B fits eight H100, and neither one H100 nor one RTX 4090', () => {
    expect(place('h200').fits).toBe(true);
    expect(place('8xh100', { shape: llama70b }).fits).toBe(true);
    expect(place('h100', { shape: llama70b }).fits).toBe(false);
    expect(place('rtx-4090').fits).toBe(false);
  });

  it('what does not fit is refused with what does, and that fits', () => {
    const placement = place('2xh100', { shape: llama70b });
    expect(placement.advice).toEqual([
      'option `baseDtype` int4 fits on 1 of these devices.',
      '4 of these devices fit.',
    ]);
    expect(() => requireRoom(placement)).toThrow(
      /each of 2 x NVIDIA H100 SXM 80 GB would need .* weights\), and has 80\.00 GB[^]*int4 fits/,
    );
    expect(place('h100', { shape: llama70b, baseDtype: 'int4' }).fits).toBe(true);
    // What does not fit one device in few bits fits several in bfloat16 only.
    const narrow = place('rtx-4090', { shape: llama70b, baseDtype: 'int4' });
    expect(narrow.advice).toEqual(['32 of these devices fit, with option `baseDtype` float32.']);
    expect([16, 32].map((count) => place(`${count}xrtx-4090`, { shape: llama70b }).fits)).toEqual([
      false,
      true,
    ]);
    expect(place('4xh100', { shape: llama70b }).fits).toBe(true);
    expect(() => requireRoom(place('h200'))).not.toThrow();
  });

  it('weights in few bits are not spread, as the engine has it', () => {
    expect(() => place('8xh200', { baseDtype: 'int4' })).toThrow(
      /weights in int4 are not spread over 8 devices/,
    );
  });

  it('time follows from the work, and from the link where that is slow', () => {
    const one = place('h200');
    expect(one.boundBy).toBe('products');
    expect(one.hours * one.tokensPerSecond * 3600).toBeCloseTo(3 * 400_000, 0);
    expect(place('2xh200').hours).toBeCloseTo(one.hours / 2, 6);
    expect(place('8xl4').boundBy).toBe('link');
  });
});

describe('docs/scale.md', () => {
  const llama405b = llama({
    ...{ hidden_size: 16384, intermediate_size: 53248, num_hidden_layers: 126 },
    ...{ num_attention_heads: 128, num_key_value_heads: 8, vocab_size: 128256 },
  });
  const page = readFileSync(new URL('../../docs/scale.md', import.meta.url), 'utf8');
  const rows = 10_000 + Math.round(10_000 / 3);
  const data = { sequences: rows, tokens: 400 * rows, responseTokens: 200 * rows, epochs: 3 };
  it.each<[string, TrainingShape['shape'], string, TrainingShape['baseDtype']]>([
    ['Llama 2 13B', llama13b, 'h200', 'float32'],
    ['Llama 2 13B', llama13b, 'rtx-4090', 'int4'],
    ['Llama 2 13B', llama13b, '8xa100', 'float32'],
    ['Llama 3 70B', llama70b, 'h200', 'int4'],
    ['Llama 3 70B', llama70b, '4xh100', 'float32'],
    ['Llama 3 70B', llama70b, '8xh100', 'float32'],
    ['Llama 3 70B', llama70b, '8xh200', 'float32'],
    ['Llama 3.1 405B', llama405b, '16xh200', 'float32'],
  ])('%s: %#', (title, shape, name, baseDtype) => {
    const { devices, total, fits, tokensPerSecond, hours, boundBy } = placeRun(
      training({ shape, baseDtype }),
      data,
      readDevices(name),
      0.35,
    );
    expect(fits).toBe(true);
    const cells = [
      ...[title, `${devices.count} x ${devices.title}`, baseDtype === 'float32' ? 'bfloat16' : baseDtype],
      ...[(total / 1e9).toFixed(1), tokensPerSecond.toFixed(0), hours.toFixed(1), boundBy],
    ];
    expect(page.replaceAll(/ *\| */g, '|')).toContain(`|${cells.join('|')}|`);
  });
});

describe('names of devices', () => {
  it.each<[string, number, number]>([
    ['h100', 1, 80e9],
    ['8xH100', 8, 80e9],
    ['4 x a100@64gb', 4, 64e9],
  ])('%s', (text, count, memory) => {
    expect(readDevices(text)).toMatchObject({ count, memory });
  });
  it.each(['', 'h101', '0xh100', '8x', 'x8', '-1xh100', 'h100@0gb', '8xtoString'])('refuses "%s"', (text) => {
    expect(() => readDevices(text)).toThrow(/no number and kind of device/);
  });
  it('say what is meant', () => {
    expect(() => readDevices('8xh10')).toThrow(/did you mean h100/);
    expect(
      Object.values(gpuKinds).every(({ memory, flops, link }) => memory > 0 && flops > 0 && link > 0),
    ).toBe(true);
  });
});
