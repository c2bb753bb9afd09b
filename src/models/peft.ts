// PEFT adapter folders: adapter_config.json and adapter_model.safetensors, read and written as PEFT has them.
import { join } from 'node:path';
import { exists, makeFolder, writeFileDurably } from '../durable/files.ts';
import { WhetstoneError } from '../errors.ts';
import type { NamedProjections } from './adapted-projections.ts';
import { adaptedProjections, projectionNames, shortestNames } from './adapted-projections.ts';
import { shown } from './config-fields.ts';
import { adapterFolder } from '../runs/adapter-folder.ts';
import { shellWord } from '../words/shell.ts';
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
  /** File of the weights that it was read from. */
  readonly file?: string;
}

export const keyPrefix = 'base_model.model.';
const configFile = 'adapter_config.json';
const weightsFile = 'adapter_model.safetensors';

const whatAdaptersAre = `An adapter is a PEFT folder with ${configFile} and ${weightsFile}.`;

/** What an adapter is, without the values of its weights. */
export interface AdapterDescription {
  readonly lora: LoraConfig;
  readonly baseModel: string | null;
  /** The matrices of the projections that it adapts, by parameter name. */
  readonly stored: ReadonlyMap<string, StoredMatrix>;
  /** File of the weights. */
  readonly file: string;
}

/**
 * Reads what a LoRA adapter is for a model, and holds its two files to each other. Weights of projections that its
 * configuration does not name are left out, as PEFT leaves them out. Of a model that is null, whose family another engine
 * knows, the projections are those that the adapter has matrices for.
 *
 * Throws `ADAPTER` for missing or malformed files, for weights that are not there although the configuration names their
 * projection and for an adapter of another model; `ADAPTER_UNSUPPORTED` for variants whose arithmetic differs from plain
 * LoRA, naming the field.
 */
export async function describeAdapter(
  path: string,
  model: NamedProjections | null,
): Promise<AdapterDescription> {
  const dir = await adapterFolder(path);
  const file = join(dir, configFile);
  const config = await readJsonObject(file, 'ADAPTER', whatAdaptersAre);
  requirePlainLora(config, file);
  const baseModel = textOrNull(config['base_model_name_or_path']);
  const weights = await weightsIn(dir);
  const { tensors } = await readSafetensorsHeader(weights, adapterAgain);
  requireFilled(tensors, weights);
  const all = model === null ? projectionsIn(tensors) : projectionNames(model);
  const adapted = adaptedProjections(config, all, file);
  if (adapted.length === 0) {
    const found = shown(config['target_modules']);
    throw new WhetstoneError('ADAPTER', `the model has none of the projections ${found}`, {
      file, field: 'target_modules',
      hint: madeForAnother(baseModel),
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
    baseModel,
    stored: matricesOf(tensors, { adapted, projections: new Set(all), file: weights, baseModel }),
    file: weights,
  };
}

/** Reads a LoRA adapter for a model. Throws as `describeAdapter`, and `ADAPTER` for values that are not finite. */
export async function readAdapter(dir: string, model: NamedProjections): Promise<Adapter> {
  const { lora, baseModel, stored, file } = await describeAdapter(dir, model);
  const tensors = new Map<string, { shape: readonly number[]; data: Float32Array }>();
  for (const [name, { key: field, ...info }] of stored) {
    const data = toFloat32(await readTensorBytes(file, info), info.dtype, { file, field });
    if (data.some((x) => !Number.isFinite(x)))
      throw new WhetstoneError('ADAPTER', `tensor "${field}" holds a value that is not finite`, { file });
    tensors.set(name, { shape: info.shape, data });
  }
  return { lora, tensors, baseModel, file };
}

/** What helps where the file of an adapter's weights is damaged or cannot be read. */
const adapterAgain = 'Copy the adapter again from where it was trained, or download it again.';

const madeForAnother = (baseModel: string | null): string =>
  `The adapter was made for another model${!baseModel ? '' : `: its configuration names ${JSON.stringify(baseModel)}`}.`;

/** The error for a matrix of an adapter that has another shape than the model's projection asks for. */
export function adapterMisfit(
  { tensors, baseModel, file }: Adapter,
  name: string,
  needed: readonly number[],
): WhetstoneError {
  const found = tensors.get(name)!.shape;
  return new WhetstoneError(
    'ADAPTER',
    `tensor "${name}" is [${found.join(', ')}]; the model needs [${needed.join(', ')}]`,
    { ...(file !== undefined && { file }), hint: madeForAnother(baseModel) },
  );
}

const textOrNull = (value: unknown): string | null => (typeof value === 'string' ? value : null);

/** The file of the weights in `dir`. Throws `ADAPTER_UNSUPPORTED` where they are only there as a pickle. */
async function weightsIn(dir: string): Promise<string> {
  const file = join(dir, weightsFile);
  // Where it is there and cannot be looked at, its reader says why.
  if (await exists(file).catch(() => true)) return file;
  for (const name of ['adapter_model.bin', 'adapter_model.pt', 'pytorch_model.bin']) {
    if (!(await exists(join(dir, name)))) continue;
    const python =
      `import torch, safetensors.torch as s; s.save_file({k: v.contiguous() for k, v in ` +
      `torch.load("${name}", map_location="cpu", weights_only=True).items()}, "${weightsFile}")`;
    throw new WhetstoneError('ADAPTER_UNSUPPORTED', 'is a pickle, which can run programs when it is read', {
      file: join(dir, name),
      hint: `Convert it, in that folder: python -c ${shellWord(python)}`,
    });
  }
  throw new WhetstoneError('ADAPTER', 'is missing', { file, hint: whatAdaptersAre });
}

/** DeepSpeed's third stage leaves nothing in the tensors that a process saves for itself. */
function requireFilled(tensors: ReadonlyMap<string, TensorInfo>, file: string): void {
  const hollow = [...tensors].find(([, { length }]) => length === 0)?.[0];
  if (tensors.size > 0 && hollow === undefined) return;
  throw new WhetstoneError(
    'ADAPTER',
    hollow === undefined ? 'holds no tensors' : `tensor "${hollow}" is empty (shape [${tensors.get(hollow)!.shape.join(', ')}])`,
    {
      file,
      hint:
        'DeepSpeed ZeRO-3 writes such files. Set "stage3_gather_16bit_weights_on_model_save": true and save the adapter ' +
        "again, or get its weights from the checkpoint with DeepSpeed's zero_to_fp32.py.",
    },
  );
}

/** Wrappers that PyTorch puts around modules, and that stand in the names of a state saved through them. */
const wrappers = new Set(['_orig_mod', '_fsdp_wrapped_module', '_checkpoint_wrapped_module', 'module']);

/** The parameter that a key means: without wrappers, PEFT's own prefix, and the name of its adapter. */
function parameterOf(key: string): string {
  const bare = key
    .split('.')
    .filter((part) => !wrappers.has(part))
    .join('.')
    .replace(/\.(lora_[AB])\.default\.weight$/, '.$1.weight');
  return bare.startsWith(keyPrefix) ? bare.slice(keyPrefix.length) : bare;
}

const matrixName = /^(.*)\.lora_[AB]\.weight$/;

const projectionsIn = (tensors: ReadonlyMap<string, TensorInfo>): string[] => [
  ...new Set([...tensors.keys()].flatMap((key) => matrixName.exec(parameterOf(key))?.[1] ?? [])),
];

/** A matrix in the file, by the key that it has there. */
interface StoredMatrix extends TensorInfo {
  readonly key: string;
}

interface MatrixNames {
  readonly adapted: readonly string[];
  readonly projections: ReadonlySet<string>;
  readonly file: string;
  readonly baseModel: string | null;
}

/** The two matrices of each of the adapted projections. */
function matricesOf(
  tensors: ReadonlyMap<string, TensorInfo>,
  { adapted, projections, file, baseModel }: MatrixNames,
): Map<string, StoredMatrix> {
  const found = new Map<string, StoredMatrix>();
  for (const [key, info] of tensors) {
    const name = parameterOf(key);
    const projection = matrixName.exec(name)?.[1];
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
        hint: madeForAnother(baseModel),
      });
    }
    const twin = found.get(name);
    if (twin) {
      throw new WhetstoneError('ADAPTER', `holds "${twin.key}" and "${key}", which mean the same matrix`, { file });
    }
    found.set(name, { ...info, key });
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
  const found = shown(value);
  throw new WhetstoneError('ADAPTER', `must be ${expected}; found ${found}`, { file, field });
}

function requirePlainLora(config: Record<string, unknown>, file: string): void {
  const refuse = (field: string): never => {
    throw new WhetstoneError('ADAPTER_UNSUPPORTED', `${shown(config[field])} is not supported`, {
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
