// How a model's makers sample from it: the settings of generation_config.json that peers take where nobody says another.
// Knows the file, not what the settings do.
import { join } from 'node:path';
import { WhetstoneError } from '../errors.ts';
import { readIfThere } from './json-file.ts';

export interface SamplingDefaults {
  readonly temperature?: number;
  readonly topP?: number;
  readonly topK?: number;
  readonly minP?: number;
  readonly repetitionPenalty?: number;
}

/** Name in the file, name here, and what it may be. */
const fields = [
  ['temperature', 'temperature', (n: number) => n >= 0, 'a number from 0'],
  ['top_p', 'topP', (n: number) => n > 0 && n <= 1, 'a number above 0, up to 1'],
  ['top_k', 'topK', (n: number) => Number.isInteger(n) && n >= -1, 'a whole number from -1'],
  ['min_p', 'minP', (n: number) => n >= 0 && n <= 1, 'a number from 0 to 1'],
  ['repetition_penalty', 'repetitionPenalty', (n: number) => n >= 0.01 && n <= 100, 'a number from 0.01 to 100'],
] as const;

/**
 * Temperature, top-p, top-k, min-p and the penalty for repetition in `generation_config.json`, as far as it has them; like
 * vLLM's, whatever `do_sample` says. Throws WhetstoneError `MODEL_CONFIG`.
 */
export async function readSamplingDefaults(modelDir: string): Promise<SamplingDefaults> {
  const file = join(modelDir, 'generation_config.json');
  const config = await readIfThere(file);
  const found = fields.flatMap(([field, name, isGood, expected]) => {
    const value = config[field] ?? null;
    if (value === null) return [];
    if (typeof value !== 'number' || !isGood(value))
      throw new WhetstoneError('MODEL_CONFIG', `expected ${expected}, found ${JSON.stringify(value)}`, {
        file,
        field,
        hint: 'Take the field out, or ignore the file with generation_config none.',
      });
    return [[name, name === 'topK' ? Math.max(0, value) : value]];
  });
  return Object.fromEntries(found) as SamplingDefaults;
}

/** "temperature 0.6, top_p 0.9"; empty where there is none. */
export const describeSampling = (defaults: SamplingDefaults): string =>
  fields
    .flatMap(([field, name]) => (defaults[name] === undefined ? [] : [`${field} ${defaults[name]}`]))
    .join(', ');
