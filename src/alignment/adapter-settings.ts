// What a PEFT adapter to start from decides of a run's settings. Knows its config file, not its weights.
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { WhetstoneError } from '../errors.ts';
import { snakeCase } from '../options/names.ts';
import type { AlignSettings } from './settings.ts';

/**
 * The settings with the rank, alpha and projections of the adapter to start from, if there is one. Throws
 * WhetstoneError `ADAPTER` if it cannot be read, and `INVALID_OPTIONS` for given settings that differ from it.
 */
export async function takeFromAdapter(
  settings: AlignSettings,
  given: Partial<AlignSettings>,
): Promise<AlignSettings> {
  if (settings.adapter === null) return settings;
  const file = join(settings.adapter, 'adapter_config.json');
  const config = await readFile(file, 'utf8')
    .then((text) => JSON.parse(text) as Record<string, unknown>)
    .catch((cause: unknown) => {
      throw new WhetstoneError('ADAPTER', 'cannot be read', {
        file,
        cause,
        hint: 'An adapter is a PEFT folder with adapter_config.json and adapter_model.safetensors.',
      });
    });
  const targets = config['target_modules'];
  const its: Partial<AlignSettings> = {
    ...(typeof config['r'] === 'number' && { loraR: config['r'] }),
    ...(typeof config['lora_alpha'] === 'number' && { loraAlpha: config['lora_alpha'] }),
    ...(Array.isArray(targets) && { loraTargetModules: targets.map(String).sort() }),
  };
  const sorted = (value: unknown): string =>
    JSON.stringify(Array.isArray(value) ? [...(value as string[])].sort() : value);
  const clashes = Object.entries(its).filter(([key, value]) => {
    const asked = given[key as keyof AlignSettings];
    return asked !== undefined && sorted(asked) !== sorted(value);
  });
  if (clashes.length === 0) return { ...settings, ...its };
  const lines = clashes.map(([key, value]) => `\n    ${snakeCase(key)}: the adapter has ${String(value)}`);
  throw new WhetstoneError(
    'INVALID_OPTIONS',
    `these settings contradict the adapter to start from:${lines.join('')}`,
    {
      file,
      hint: 'Leave them out; the adapter brings its own.',
    },
  );
}
