// The adapter that training goes on from: what it decides of a run's settings. Knows settings; adapters are read by
// models/peft.ts.
import { join } from 'node:path';
import { WhetstoneError } from '../errors.ts';
import { isTorch } from '../engine/torch/address.ts';
import { describeAdapter, readDecoderConfig, unlessForeign } from '../models/index.ts';
import type { LoraConfig } from '../models/index.ts';
import { snakeCase } from '../options/names.ts';
import type { AlignSettings } from './settings.ts';

type LoraSettings = Pick<AlignSettings, 'loraR' | 'loraAlpha' | 'loraTargetModules' | 'useRslora'>;

export const loraOf = (settings: LoraSettings & Pick<AlignSettings, 'loraDropout'>): LoraConfig => ({
  rank: settings.loraR,
  alpha: settings.loraAlpha,
  rankStabilized: settings.useRslora,
  dropout: settings.loraDropout,
  targetModules: settings.loraTargetModules,
});

/**
 * The settings with rank, alpha, projections and scaling of the adapter to start from, if there is one. Throws what
 * `describeAdapter` throws, and WhetstoneError `INVALID_OPTIONS` for given settings that differ from it.
 */
export async function withStart<S extends LoraSettings & Pick<AlignSettings, 'model' | 'engine'>>(
  settings: S,
  adapter: string | null,
  given: Partial<LoraSettings>,
): Promise<S> {
  if (adapter === null) return settings;
  const config = readDecoderConfig(settings.model);
  // What of the adapter has no place in the model, the worker of the engine torch finds out.
  const known = isTorch(settings.engine) ? await unlessForeign(config) : await config;
  const { lora } = await describeAdapter(adapter, known);
  const its: LoraSettings = {
    loraR: lora.rank,
    loraAlpha: lora.alpha,
    loraTargetModules: [...lora.targetModules].sort(),
    useRslora: lora.rankStabilized,
  };
  const clashes = Object.entries(its).filter(([key, value]) => {
    const asked = given[key as keyof LoraSettings];
    return asked !== undefined && inOrder(asked) !== inOrder(value);
  });
  if (clashes.length === 0) return { ...settings, ...its };
  throw new WhetstoneError('INVALID_OPTIONS', 'these settings contradict the adapter to start from', {
    file: join(adapter, 'adapter_config.json'),
    problems: clashes.map(([key, value]) => ({
      problem: `${snakeCase(key)}: the adapter has ${String(value)}`,
    })),
    hint: 'Leave them out; the adapter brings its own.',
  });
}

const inOrder = (value: unknown): string =>
  JSON.stringify(Array.isArray(value) ? [...(value as string[])].sort() : value);
