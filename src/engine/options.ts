// What an engine is opened with, checked before anything is read. Knows no model.
import type { LoraConfig } from '../models/index.ts';
import { checkOptions, examine, show } from '../options/check.ts';
import type { Entry, Problem } from '../options/check.ts';
import { defaultsOf } from '../options/table.ts';
import { adapter, optimization } from '../options/tables/training.ts';
import { engineTable } from '../options/verbs/engine.ts';
import type { OpenEngineOptions, OptimizerSettings } from './engine.ts';

/** The numbers of an adapter by the names that an engine has for them. */
const loraTable = {
  rank: adapter.lora_r,
  alpha: adapter.lora_alpha,
  dropout: adapter.lora_dropout,
  target_modules: adapter.lora_target_modules,
} as const;

/** Likewise those of AdamW. */
const adamWTable = {
  beta1: optimization.adam_beta1,
  beta2: optimization.adam_beta2,
  epsilon: optimization.adam_epsilon,
  weight_decay: optimization.weight_decay,
  max_grad_norm: optimization.max_grad_norm,
} as const;

/** What `align` optimizes with where nobody asks for something else, but for the learning rate. */
export const defaultAdamW: Omit<OptimizerSettings, 'learningRate'> = defaultsOf(adamWTable);

export const defaultLora: LoraConfig = { ...defaultsOf(loraTable), rankStabilized: false };

const loraEntry: Entry<typeof loraTable> = {
  table: loraTable,
  others: { rankStabilized: 'boolean' },
  required: () => ['rank', 'alpha', 'dropout', 'targetModules', 'rankStabilized'],
  together: () => [],
};

const engineEntry: Entry<typeof engineTable> = {
  table: engineTable,
  others: { lora: 'anything', prepack: 'boolean', wholeBatches: 'boolean', profile: 'text' },
  required: () => ['modelDir'],
  together: (given) => {
    const { adapterDir, lora, baseDtype, computeDtype } = given as Partial<OpenEngineOptions>;
    const frozen = Object.entries({ baseDtype, computeDtype }).flatMap(([key, dtype = 'float32']) => {
      const message = `weights in ${dtype} are frozen; every weight can be trained in float32 alone`;
      return dtype === 'float32' ? [] : [{ keys: [key, 'lora'], message }];
    });
    if (computeDtype === 'bfloat16') {
      const message = 'the engine onnx keeps values in float32 or float16; bfloat16 takes the engine torch';
      return [{ keys: ['computeDtype'], message }];
    }
    if (lora === null && frozen.length > 0) return frozen;
    if (lora === undefined) return [];
    if (lora !== null) return ofLora(lora);
    const message =
      'an adapter cannot be continued while every weight is trained; merge it into the model first';
    return adapterDir == null ? [] : [{ keys: ['adapterDir', 'lora'], message }];
  },
};

/** Throws WhetstoneError `INVALID_optimizationIONS` for everything that is wrong with the options. */
export function requireEngineOptions(options: OpenEngineOptions): void {
  checkOptions(engineEntry, options);
}

function ofLora(lora: unknown): readonly Problem[] {
  if (typeof lora !== 'object' || lora === null || Array.isArray(lora))
    return [{ keys: ['lora'], message: `expected an object, or null, found ${show(lora)}` }];
  return examine(loraEntry, lora).problems.map(({ keys, message }) => ({
    keys: keys.map((key) => `lora.${key}`),
    message,
  }));
}
