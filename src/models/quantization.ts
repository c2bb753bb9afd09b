// Refuses models whose weights were quantized, by the method's name: they have tensors that no decoder here reads.
import { join } from 'node:path';
import { exists } from '../durable/files.ts';
import type { WhetstoneError } from '../errors.ts';
import { shown, unsupported } from './config-fields.ts';
import type { Json } from './json-file.ts';

/** What users call the methods that `quantization_config.quant_method` names. */
const names: Readonly<Record<string, string>> = {
  gptq: 'GPTQ',
  awq: 'AWQ',
  bitsandbytes: 'bitsandbytes',
  fp8: 'FP8',
  fbgemm_fp8: 'FBGEMM FP8',
  mlx: 'MLX',
  mxfp4: 'MXFP4',
  'compressed-tensors': 'compressed-tensors',
};

/** Fields of a config.json that say how the weights were quantized, and what users call the one who writes each. */
const fields: Readonly<Record<string, string | null>> = {
  quantization_config: null,
  compression_config: 'compressed-tensors',
  quantization: 'MLX',
};

/** Throws `MODEL_UNSUPPORTED` where one of those fields is set, whatever else the config holds. */
export function refuseQuantized(json: Json, file: string): void {
  const field = Object.keys(fields).find((name) => (json[name] ?? null) !== null);
  if (field !== undefined) throw quantized(file, field, methodOf(json[field], fields[field]!));
}

/** Files in which quantizers wrote their settings before transformers had a place for them in config.json. */
const ownFiles: Readonly<Record<string, string>> = {
  'quantize_config.json': 'GPTQ',
  'quant_config.json': 'AWQ',
};

/** Throws `MODEL_UNSUPPORTED` where the folder has a quantizer's own settings beside its config.json. */
export async function refuseQuantizedFolder(modelDir: string): Promise<void> {
  for (const [name, method] of Object.entries(ownFiles)) {
    const file = join(modelDir, name);
    if (await exists(file)) throw quantized(file, undefined, method);
  }
}

function quantized(file: string, field: string | undefined, method: string): WhetstoneError {
  return unsupported(
    file,
    field,
    `a model quantized with ${method}`,
    'Name the model that it was made from, in float32, float16 or bfloat16 (the hub page of a quantized model ' +
      'links to it). An adapter trained on that one can be loaded beside the quantized weights by PEFT and vLLM.',
  );
}

function methodOf(settings: unknown, usual: string | null): string {
  const { quant_method: method, bits, load_in_4bit, load_in_8bit } = Object(settings) as Json;
  // Early bitsandbytes folders name no method.
  const given = method ?? (load_in_4bit || load_in_8bit ? 'bitsandbytes' : (usual ?? undefined));
  if (given === undefined) return 'a method that it does not name';
  const width = bits ?? (load_in_4bit ? 4 : load_in_8bit ? 8 : undefined);
  const name = typeof given === 'string' ? (names[given.toLowerCase()] ?? shown(given)) : shown(given);
  return typeof width === 'number' ? `${name} (${width} bits)` : name;
}
