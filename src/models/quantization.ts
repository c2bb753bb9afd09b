// Refuses models whose weights were quantized, by the method's name: they have tensors that no decoder here reads.
import { shown, unsupported } from './config-fields.ts';
import type { Json } from './json-file.ts';

/** What users call the methods that `quantization_config.quant_method` names. */
const names: Readonly<Record<string, string>> = {
  gptq: 'GPTQ',
  awq: 'AWQ',
  bitsandbytes: 'bitsandbytes',
  fp8: 'FP8',
  fbgemm_fp8: 'FBGEMM FP8',
  mxfp4: 'MXFP4',
  'compressed-tensors': 'compressed-tensors',
};

/** Throws `MODEL_UNSUPPORTED` where `quantization_config` is set, whatever else the config holds. */
export function refuseQuantized(json: Json, file: string): void {
  const settings = json.quantization_config ?? null;
  if (settings === null) return;
  throw unsupported(
    file,
    'quantization_config',
    `a model quantized with ${methodOf(settings)}`,
    'Name the model that it was made from, in float32, float16 or bfloat16 (the hub page of a quantized model ' +
      'links to it). An adapter trained on that one can be loaded beside the quantized weights by PEFT and vLLM.',
  );
}

function methodOf(settings: unknown): string {
  const { quant_method: method, bits, load_in_4bit, load_in_8bit } = Object(settings) as Json;
  // Early bitsandbytes folders name no method.
  const given = method ?? (load_in_4bit || load_in_8bit ? 'bitsandbytes' : undefined);
  if (given === undefined) return 'a method that it does not name';
  const width = bits ?? (load_in_4bit ? 4 : load_in_8bit ? 8 : undefined);
  const name = typeof given === 'string' ? (names[given.toLowerCase()] ?? shown(given)) : shown(given);
  return typeof width === 'number' ? `${name} (${width} bits)` : name;
}
