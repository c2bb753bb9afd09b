// PEFT adapter folders: adapter_config.json and adapter_model.safetensors, read and written as PEFT has them.
import { mkdir, open, readFile, rename } from 'node:fs/promises';
import { join } from 'node:path';
import { WhetstoneError } from '../errors.ts';
import type { DecoderConfig } from './config.ts';
import type { LoraConfig } from './lora.ts';
import type { StoredTensor } from './safetensors.ts';
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

/** The names of every linear projection inside the layers, in the order they are applied. */
export function projectionNames({ layers }: DecoderConfig): string[] {
  const parts = [
    'self_attn.q_proj',
    'self_attn.k_proj',
    'self_attn.v_proj',
    'self_attn.o_proj',
    'mlp.gate_proj',
    'mlp.up_proj',
    'mlp.down_proj',
  ];
  return Array.from({ length: layers }, (_, layer) =>
    parts.map((part) => `model.layers.${layer}.${part}`),
  ).flat();
}

/**
 * Reads a LoRA adapter. Throws `ADAPTER` for missing or malformed files and `ADAPTER_UNSUPPORTED` for variants
 * whose arithmetic differs from plain LoRA, naming the field.
 */
export async function readAdapter(dir: string): Promise<Adapter> {
  const file = join(dir, configFile);
  const config = await readJson(file);
  requirePlainLora(config, file);
  const weights = join(dir, weightsFile);
  const { tensors: infos } = await readSafetensorsHeader(weights);
  const tensors = new Map<string, { shape: readonly number[]; data: Float32Array }>();
  for (const [key, info] of infos) {
    const name = key.startsWith(keyPrefix) ? key.slice(keyPrefix.length) : key;
    if (!/\.lora_[AB]\.weight$/.test(name)) {
      throw new WhetstoneError(
        'ADAPTER_UNSUPPORTED',
        `holds "${key}", which is no LoRA matrix of a linear projection`,
        { file: weights },
      );
    }
    const data = toFloat32(await readTensorBytes(weights, info), info.dtype, { file: weights, field: key });
    if (data.some((x) => !Number.isFinite(x))) {
      throw new WhetstoneError('ADAPTER', `tensor "${key}" holds a value that is not finite`, {
        file: weights,
      });
    }
    tensors.set(name, { shape: info.shape, data });
  }
  const number = (field: string, fallback?: number): number => {
    const value = config[field] ?? fallback;
    if (
      typeof value !== 'number' ||
      value < 0 ||
      (field === 'r' && (value === 0 || !Number.isInteger(value)))
    ) {
      const expected = field === 'r' ? 'a positive integer' : 'a number of 0 or more';
      const found = JSON.stringify(value) ?? 'nothing';
      throw new WhetstoneError('ADAPTER', `must be ${expected}; found ${found}`, { file, field });
    }
    return value;
  };
  return {
    lora: {
      rank: number('r'),
      alpha: number('lora_alpha'),
      dropout: number('lora_dropout', 0),
      rankStabilized: config.use_rslora === true,
      targetModules: targetsOf([...tensors.keys()], config),
    },
    tensors,
    baseModel: typeof config.base_model_name_or_path === 'string' ? config.base_model_name_or_path : null,
  };
}

async function readJson(file: string): Promise<Record<string, unknown>> {
  try {
    const json: unknown = JSON.parse(await readFile(file, 'utf8'));
    if (typeof json !== 'object' || json === null || Array.isArray(json))
      throw new Error('it is no JSON object');
    return json as Record<string, unknown>;
  } catch (cause) {
    throw new WhetstoneError('ADAPTER', `cannot be read: ${(cause as Error).message}`, {
      file,
      cause,
      hint: 'An adapter is a PEFT folder with adapter_config.json and adapter_model.safetensors.',
    });
  }
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

/** The configuration's own names where they are last name parts and mean every layer; full names otherwise. */
function targetsOf(parameters: readonly string[], config: Record<string, unknown>): string[] {
  const modules = [...new Set(parameters.map((p) => p.replace(/\.lora_[AB]\.weight$/, '')))];
  const { target_modules: named, layers_to_transform: layers, exclude_modules: excluded } = config;
  const last = new Set(modules.map((m) => m.split('.').at(-1)!));
  const says = Array.isArray(named) ? (named as unknown[]).filter((t) => typeof t === 'string') : [];
  const short = says.filter((target) => last.has(target));
  return isEmpty(layers) && isEmpty(excluded) && short.length === last.size ? short : modules;
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
  await mkdir(dir, { recursive: true });
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
  await writeDurably(join(dir, weightsFile), encodeSafetensors(stored, { format: 'pt' }));
  await writeDurably(join(dir, configFile), new TextEncoder().encode(`${JSON.stringify(config, null, 2)}\n`));
}

async function writeDurably(file: string, bytes: Uint8Array): Promise<void> {
  const partial = `${file}.partial`;
  const handle = await open(partial, 'w');
  try {
    await handle.writeFile(bytes);
    await handle.sync();
  } finally {
    await handle.close();
  }
  await rename(partial, file);
}
