// Reads the golden values; see README.md beside it.
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { readSafetensorsHeader, readTensorBytes, toFloat32 } from '../../src/models/index.ts';
import type { Sequence, TokenExample } from '../../src/engine/index.ts';

export const modelDir = (name: string): string => fileURLToPath(new URL(`models/${name}`, import.meta.url));

/** Models with log-probs, losses, gradients and greedy text from transformers, a family or a way to store it each. */
export const goldenFamilies: readonly string[] = [
  'llama2',
  'llama3',
  'llama-linear',
  'mistral',
  'qwen2',
  'qwen3',
  'gemma',
  'llama3-bf16-sharded',
  'mistral-fp16',
  'granite',
  'smollm3',
  'phi3',
  'olmo2',
  'gemma2',
  'gemma3',
];

export interface GoldenSequence {
  readonly ids: number[];
  readonly response_start: number;
  readonly logprobs: number[];
  readonly adapter_logprobs: number[];
}

export interface GoldenTriplet {
  readonly plain: GoldenSequence;
  readonly judged: GoldenSequence | null;
}

export const readJson = <T>(model: string, file: string): T =>
  JSON.parse(readFileSync(`${modelDir(model)}/${file}`, 'utf8')) as T;

export const toSequence = ({
  ids,
  response_start,
}: Pick<GoldenSequence, 'ids' | 'response_start'>): Sequence => ({
  ids: Int32Array.from(ids),
  responseStart: response_start,
});

export const toExample = ({ plain, judged }: GoldenTriplet, index: number): TokenExample => ({
  index,
  rejected: judged !== null,
  sequences: { plain: toSequence(plain), ...(judged && { judged: toSequence(judged) }) },
});

/** Largest absolute difference. */
export const maxDifference = (a: ArrayLike<number>, b: ArrayLike<number>): number =>
  Array.from(a).reduce(
    (worst, x, i) => Math.max(worst, Math.abs(x - b[i]!)),
    a.length === b.length ? 0 : Infinity,
  );

/** |a - b| / |b| in the L2 norm. */
export function relativeError(a: ArrayLike<number>, b: ArrayLike<number>): number {
  if (a.length !== b.length) return Infinity;
  let difference = 0;
  let size = 0;
  for (let i = 0; i < b.length; i++) {
    difference += (a[i]! - b[i]!) ** 2;
    size += b[i]! ** 2;
  }
  return size === 0 ? Math.sqrt(difference) : Math.sqrt(difference / size);
}

/** Every tensor of a safetensors file as float32. */
export async function readFloats(file: string): Promise<Map<string, Float32Array>> {
  const { tensors } = await readSafetensorsHeader(file);
  const floats = new Map<string, Float32Array>();
  for (const [name, info] of tensors) {
    floats.set(name, toFloat32(await readTensorBytes(file, info), info.dtype, { file, field: name }));
  }
  return floats;
}
