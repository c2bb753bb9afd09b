// PEFT adapter folders: adapter_config.json and adapter_model.safetensors, read and written as PEFT has them.
import { join } from 'node:path';
import { makeFolder, writeFileDurably } from '../durable/files.ts';
import { WhetstoneError } from '../errors.ts';
import { adaptedProjections, projectionNames, shortestNames } from './adapted-projections.ts';
import type { DecoderConfig } from './config.ts';
import { readJsonObject } from './json-file.ts';
import type { LoraConfig } from './lora.ts';
import type { StoredTensor, TensorInfo } from './safetensors.ts';
import {
  encodeSafetensors,
  fromFloat32,
  readSafetensorsHeader,
  readTensorBytes,
  toFloat32,
} from './safetensors.ts';

export interface Adapter {
  readonly lora: LoraConfig;
  /** By parameter name, such as `model.layers.0.mlp.up_proj.lora_A.weight`. */
  readonly tensors: ReadonlyMap<string, { readonly shape: readonly number[]; readonly data: Float32Array }>;
  readonly baseModel: string | null;
}

const keyPrefix = 'base_model.model.';
const configFile = 'adapter_config.json';
const weightsFile = 'adapter_model.safetensors';

const whatAdaptersAre = `An adapter is a PEFT folder with ${configFile} and ${weightsFile}.`;

/** What an adapter is, without the values of its weights. */
export interface AdapterDescription {
  readonly lora: LoraConfig;
  readonly baseModel: string | null;
  /** The matrices of the projections that it adapts, by parameter name. */
  readonly stored: ReadonlyMap<string, TensorInfo>;
  /** File of the weights. */
  readonly file: string;
}

/**
 * Reads what a LoRA adapter is for a model, and holds its two files to each other. Weights of projections that its
 * configuration does not name are left out, as PEFT leaves them out.
 *
 * Throws `ADAPTER` for missing or malformed files, for weights that are not there although the configuration names their
 * projection and for an adapter of another model; `ADAPTER_UNSUPPORTED` for variants whose arithmetic differs from plain
 * LoRA, naming the field.
 */
export async function describeAdapter(
  dir: string,
  model: Pick<DecoderConfig, 'layers'>,
): Promise<AdapterDescription> {
  const file = join(dir, configFile);
  const config = await readJsonObject(file, 'ADAPTER', whatAdaptersAre);
  requirePlainLora(config, file);
  const weights = join(dir, weightsFile);
  const { tensors } = await readSafetensorsHeader(weights);
  const all = projectionNames(model);
  const adapted = adaptedProjections(config, all, file);
  if (adapted.length === 0) {
    const found = JSON.stringify(config['target_modules']);
    throw new WhetstoneError('ADAPTER', `the model has none of the projections ${found}`, {
      file, field: 'target_modules',
      hint: 'The adapter was made for another model.',
    });
  }
  return {
    lora: {
      rank: numberField(config, file, 'r'),
      alpha: numberField(config, file, 'lora_alpha'),
      dropout: numberField(config, file, 'lora_dropout', 0),
      rankStabilized: config['use_rslora'] === true,
      targetModules: shortestNames(adapted, all),
    },
    baseModel: typeof config['base_model_name_or_path'] === 'string' ? config['base_model_name_or_path'] : null,
    stored: matricesOf(tensors, adapted, new Set(all), weights),
    file: weights,
  };
}

/** Reads a LoRA adapter for a model. Throws as `describeAdapter`, and `ADAPTER` for values that are not finite. */
export async function readAdapter(dir: string, model: Pick<DecoderConfig, 'layers'>): Promise<Adapter> {
  const { lora, baseModel, stored, file } = await describeAdapter(dir, model);
  const tensors = new Map<string, { shape: readonly number[]; data: Float32Array }>();
  for (const [name, info] of stored) {
    const field = keyPrefix + name;
    const data = toFloat32(await readTensorBytes(file, info), info.dtype, { file, field });
    if (data.some((x) => !Number.isFinite(x)))
      throw new WhetstoneError('ADAPTER', `tensor "${field}" holds a value that is not finite`, { file });
    tensors.set(name, { shape: info.shape, data });
  }
  return { lora, tensors, baseModel };
}

/** The two matrices of each of the adapted projections. */
function matricesOf(
  tensors: ReadonlyMap<string, TensorInfo>,
  adapted: readonly string[],
  projections: ReadonlySet<string>,
  file: string,
): Map<string, TensorInfo> {
  const found = new Map<string, TensorInfo>();
  for (const [key, info] of tensors) {
    const name = key.startsWith(keyPrefix) ? key.slice(keyPrefix.length) : key;
    const projection = /^(.*)\.lora_[AB]\.weight$/.exec(name)?.[1];
    if (projection === undefined) {
      throw new WhetstoneError(
        'ADAPTER_UNSUPPORTED',
        `holds "${key}", which is no LoRA matrix of a linear projection`,
        { file },
      );
    }
    if (!projections.has(projection)) {
      throw new WhetstoneError('ADAPTER', `the model has no projection "${projection}"`, {
        file,
        hint: 'The adapter was made for another model.',
      });
    }
    found.set(name, info);
  }
  const wanted = adapted.flatMap((projection) => [`${projection}.lora_A.weight`, `${projection}.lora_B.weight`]);
  const missing = wanted.filter((name) => !found.has(name));
  if (missing.length > 0) {
    const others = missing.length === 1 ? '' : `, and so are ${missing.length - 1} more`;
    throw new WhetstoneError(
      'ADAPTER',
      `tensor "${missing[0]}" is missing${others}, though ${configFile} names what they belong to`,
      { file, hint: 'The two files do not belong together, or the weights are incomplete.' },
    );
  }
  return new Map(wanted.map((name) => [name, found.get(name)!]));
}

function numberField(
  config: Readonly<Record<string, unknown>>,
  file: string,
  field: string,
  fallback?: number,
): number {
  const value = config[field] ?? fallback;
  const whole = field === 'r';
  if (typeof value === 'number' && (whole ? Number.isInteger(value) && value > 0 : value >= 0)) return value;
  const expected = whole ? 'a positive integer' : 'a number of 0 or more';
  const found = JSON.stringify(value) ?? 'nothing';
  throw new WhetstoneError('ADAPTER', `must be ${expected}; found ${found}`, { file, field });
}

function requirePlainLora(config: Record<string, unknown>, file: string): void {
  const refuse = (field: string): never => {
    throw new WhetstoneError('ADAPTER_UNSUPPORTED', `${JSON.stringify(config[field])} is not supported`, {
      file,
      field,
      hint: 'Whetstone trains and merges plain LoRA and rsLoRA on linear projections.',
    });
  };
  if (config.peft_type !== 'LORA') refuse('peft_type');
  // Others put a head of their own on the model, and name its modules otherwise.
  if (!isEmpty(config.task_type) && config.task_type !== 'CAUSAL_LM') refuse('task_type');
  if (config.bias !== undefined && config.bias !== 'none') refuse('bias');
  for (const field of [
    'use_dora',
    'modules_to_save',
    'rank_pattern',
    'alpha_pattern',
    'fan_in_fan_out',
    'lora_bias',
    'trainable_token_indices',
    'layer_replication',
    'use_qalora',
    'target_parameters',
    'alora_invocation_tokens',
    'arrow_config',
    'kasa_config',
    'use_bdlora',
    'velora_config',
    'monteclora_config',
  ]) {
    if (!isEmpty(config[field])) refuse(field);
  }
  // PEFT takes part of the base weights into such adapters and changes the base to match.
  const initial = config.init_lora_weights;
  if (typeof initial === 'string' && /^(pissa|olora|corda|loftq|lora_ga)/i.test(initial))
    refuse('init_lora_weights');
}

const isEmpty = (value: unknown): boolean =>
  value === undefined ||
  value === null ||
  value === false ||
  (typeof value === 'object' && Object.keys(value).length === 0);

/**
 * Writes an adapter folder that transformers + peft, vLLM and llama.cpp's converter load. Each file is written
 * beside its place, synced and renamed; an existing adapter is replaced file by file.
 */
export async function writeAdapter(dir: string, { lora, tensors, baseModel }: Adapter): Promise<void> {
  await makeFolder(dir);
  const stored = new Map<string, StoredTensor>(
    [...tensors].map(([name, { shape, data }]) => [
      keyPrefix + name,
      { dtype: 'F32', shape, bytes: fromFloat32(data, 'F32') },
    ]),
  );
  const config = {
    peft_type: 'LORA',
    task_type: 'CAUSAL_LM',
    base_model_name_or_path: baseModel,
    r: lora.rank,
    lora_alpha: lora.alpha,
    lora_dropout: lora.dropout,
    target_modules: lora.targetModules,
    use_rslora: lora.rankStabilized,
    bias: 'none',
    fan_in_fan_out: false,
    inference_mode: true,
    init_lora_weights: true,
    modules_to_save: null,
  };
  await writeFileDurably(join(dir, weightsFile), encodeSafetensors(stored, { format: 'pt' }));
  await writeFileDurably(join(dir, configFile), `${JSON.stringify(config, null, 2)}\n`);
}
