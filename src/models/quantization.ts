// How a folder says that its weights were quantized, and which of it is read: GPTQ and compressed-tensors, where a weight
// is (code - zero) * scale with codes of 4 or 8 bits. All else is refused by the method's name. Knows no tensors.
import { join } from 'node:path';
import { exists } from '../durable/files.ts';
import { WhetstoneError } from '../errors.ts';
import type { CompressedLayout, CompressedScheme } from './compressed-tensors.ts';
import { fieldReader, shown, unsupported } from './config-fields.ts';
import type { GptqLayout } from './gptq.ts';
import type { Json } from './json-file.ts';
import { readIfThere } from './json-file.ts';
import { isPackedBits } from './packed-matrix.ts';

/** A layout that is read, and what it says of activations, which are not quantized here. */
export type Quantization = (GptqLayout | CompressedLayout) & { readonly quantizedActivations: boolean };

/** What users call the methods that `quantization_config.quant_method` names. */
const names: Readonly<Record<string, string>> = {
  gptq: 'GPTQ',
  awq: 'AWQ',
  'auto-round': 'AutoRound',
  bitsandbytes: 'bitsandbytes',
  fp8: 'FP8',
  fbgemm_fp8: 'FBGEMM FP8',
  mlx: 'MLX',
  mxfp4: 'MXFP4',
  hqq: 'HQQ',
  aqlm: 'AQLM',
  quanto: 'Quanto',
  torchao: 'TorchAO',
  eetq: 'EETQ',
  vptq: 'VPTQ',
  'compressed-tensors': 'compressed-tensors',
};

/** Fields of a config.json that say how the weights were quantized, and what users call the one who writes each. */
const fields: Readonly<Record<string, string | null>> = {
  quantization_config: null,
  compression_config: 'compressed-tensors',
  quantization: 'MLX',
};

/** Files in which quantizers wrote their settings before transformers had a place for them in config.json. */
const ownFiles: Readonly<Record<string, string>> = {
  'quantize_config.json': 'gptq',
  'quant_config.json': 'awq',
};

export const quantizationFields: readonly string[] = Object.keys(fields);
export const quantizationFiles: readonly string[] = Object.keys(ownFiles);

/**
 * Null where no weight was quantized. `json` is the folder's config.json for who has read it. Throws as
 * `parseQuantization`.
 */
export async function readQuantization(modelDir: string, json?: Json): Promise<Quantization | null> {
  const config = join(modelDir, 'config.json');
  const found = parseQuantization(json ?? (await readIfThere(config)), config);
  if (found) return found;
  for (const [name, method] of Object.entries(ownFiles)) {
    const file = join(modelDir, name);
    if (!(await exists(file))) continue;
    const settings = method === 'gptq' ? await readIfThere(file) : {};
    return quantizationOf({ ...settings, quant_method: method }, { file, field: undefined, usual: null });
  }
  return null;
}

/**
 * The same of a config.json alone. Throws `MODEL_UNSUPPORTED` for a method, or a variant of one, that is not read, and
 * `MODEL_CONFIG` for settings that cannot be.
 */
export function parseQuantization(json: Json, file: string): Quantization | null {
  const field = Object.keys(fields).find((name) => (json[name] ?? null) !== null);
  if (field === undefined) return null;
  return quantizationOf(json[field], { file, field, usual: fields[field]! });
}

interface Place {
  readonly file: string;
  readonly field: string | undefined;
  /** Whom the field belongs to, whatever it says. */
  readonly usual: string | null;
}

function quantizationOf(settings: unknown, place: Place): Quantization {
  const json = Object(settings) as Json;
  const given = methodIn(json) ?? place.usual;
  if (given === 'gptq') return readGptq(json, place);
  if (given === 'compressed-tensors') return readCompressed(json, place);
  throw refused(methodInWords(json, place.usual), place);
}

const methodIn = ({ quant_method: named, method }: Json): unknown => {
  const given = named ?? method;
  return typeof given === 'string' ? given.toLowerCase() : given;
};

const remedy =
  'Read are GPTQ (formats gptq and gptq_v2) and compressed-tensors (pack-quantized, int-quantized and naive-quantized integers), ' +
  'of 4 and 8 bits. Name the model that it was made from, in float32, float16 or bfloat16 (the hub page of a quantized ' +
  'model links to it), and keep its weights in few bits with base_dtype. An adapter trained on that one can be loaded beside ' +
  'the quantized weights by PEFT and vLLM.';

const refused = (method: string, { file, field }: Place): WhetstoneError =>
  unsupported(file, field, `a model quantized with ${method}`, remedy);

function readGptq(json: Json, place: Place): Quantization {
  const { bits, desc_act: ordered, dynamic } = json;
  const method = methodInWords(json, null);
  const variant = (what: string): WhetstoneError => refused(`${method} ${what}`, place);
  const format = json['checkpoint_format'] ?? json['format'] ?? 'gptq';
  if (json['is_marlin_format'] === true) throw variant('in the format marlin');
  if (format !== 'gptq' && format !== 'gptq_v2') throw variant(`in the format ${shown(format)}`);
  if ((json['pack_dtype'] ?? 'int32') !== 'int32') throw variant(`packed in ${shown(json['pack_dtype'])}`);
  if (!isPackedBits(bits)) throw refused(method, place);
  requireField(ordered ?? false, 'desc_act', 'true or false', (value) => typeof value === 'boolean', place);
  const groupSize = json['group_size'] ?? -1;
  requireField(groupSize, 'group_size', '-1 or a positive integer', isGroupSize, place);
  const varies = dynamic !== undefined && dynamic !== null;
  return {
    method: 'gptq',
    name: method,
    usual: varies ? null : { bits, groupSize: groupSize as number },
    zeroOffset: format === 'gptq' ? 1 : 0,
    quantizedActivations: false,
  };
}

const isGroupSize = (value: unknown): boolean =>
  Number.isSafeInteger(value) && (value === -1 || (value as number) > 0);

function requireField(
  value: unknown,
  name: string,
  expected: string,
  isRight: (value: unknown) => boolean,
  { file, field }: Place,
): void {
  if (isRight(value)) return;
  const path = field === undefined ? name : `${field}.${name}`;
  throw new WhetstoneError('MODEL_CONFIG', `must be ${expected}; found ${shown(value)}`, { file, field: path });
}

const readFormats = ['pack-quantized', 'int-quantized', 'naive-quantized'];

function readCompressed(json: Json, place: Place): Quantization {
  const name = names['compressed-tensors']!;
  const variant = (what: string): WhetstoneError => refused(`${name} ${what}`, place);
  const { format, config_groups: groups, quantization_status: status = 'compressed' } = json;
  const usual = format === undefined ? 'no format' : `the format ${shown(format)}`;
  const isMixed = format === 'mixed-precision';
  if (!isMixed && !readFormats.includes(format as string)) throw variant(`in ${usual}`);
  if (status !== 'compressed') throw variant(`with the status ${shown(status)}`);
  const sparsity = Object(json['sparsity_config']) as Json;
  if ((sparsity['format'] ?? 'dense') !== 'dense') throw variant(`and sparse, ${shown(sparsity['format'])}`);
  const transforms = Object((Object(json['transform_config']) as Json)['config_groups']) as Json;
  if (Object.keys(transforms).length > 0) throw variant('and transformed (transform_config)');
  const isRecord = (value: unknown): boolean =>
    typeof value === 'object' && value !== null && !Array.isArray(value) && Object.keys(value).length > 0;
  requireField(groups, 'config_groups', 'an object of groups', isRecord, place);
  const schemes: CompressedScheme[] = [];
  let quantizedActivations = (json['kv_cache_scheme'] ?? null) !== null;
  for (const group of Object.values(groups as Json)) {
    const { weights, input_activations: inputs, output_activations: outputs, format: own } = Object(group) as Json;
    if (isMixed && !readFormats.includes(own as string)) throw variant(`in the format ${shown(own)}`);
    quantizedActivations ||= (inputs ?? outputs ?? null) !== null;
    if ((weights ?? null) === null) continue;
    schemes.push(readScheme(Object(weights) as Json, variant, place));
  }
  const bits = [...new Set(schemes.map((scheme) => scheme.bits))].join(' and ');
  return { method: 'compressed-tensors', name: `${name} (${bits} bits)`, schemes, quantizedActivations };
}

function readScheme(weights: Json, variant: (what: string) => WhetstoneError, place: Place): CompressedScheme {
  const { num_bits: bits = 8, type = 'int', group_size: size, dynamic = false, strategy } = weights;
  if (type !== 'int') throw variant(`to ${shown(type)}${typeof bits === 'number' ? String(bits) : ''}`);
  if (!isPackedBits(bits)) throw variant(`to ${shown(bits)} bits`);
  if (dynamic !== false) throw variant('with dynamic weights');
  const usual = (size ?? null) === null ? 'tensor' : size === -1 ? 'channel' : 'group';
  const kind = strategy ?? usual;
  if (kind === 'channel' || kind === 'tensor') return { bits, groupSize: null };
  if (kind !== 'group') throw variant(`with the strategy ${shown(kind)}`);
  const read = fieldReader(weights, place.file, `${place.field}.config_groups.weights.`);
  return { bits, groupSize: read.count('group_size') };
}

function methodInWords(json: Json, usual: string | null): string {
  const { bits, load_in_4bit, load_in_8bit } = json;
  // Early bitsandbytes folders name no method.
  const given = methodIn(json) ?? (load_in_4bit || load_in_8bit ? 'bitsandbytes' : (usual ?? undefined));
  if (given === undefined) return 'a method that it does not name';
  const width = bits ?? (load_in_4bit ? 4 : load_in_8bit ? 8 : undefined);
  const name = typeof given === 'string' ? (names[given] ?? shown(given)) : shown(given);
  const known = usual !== null && name === shown(usual) ? usual : name;
  return typeof width === 'number' ? `${known} (${width} bits)` : known;
}
