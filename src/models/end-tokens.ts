// The end tokens that a model's configs list. Knows neither the tokenizer nor prompts, which may add more.
import { join } from 'node:path';
import { WhetstoneError } from '../errors.ts';
import { shown } from './config-fields.ts';
import type { Json } from './json-file.ts';
import { readIfThere } from './json-file.ts';

/**
 * The ids that `generation_config.json` lists as `eos_token_id` or, where it lists none, `config.json`, as transformers'
 * `generate` takes them; either file may be missing. Throws WhetstoneError `MODEL_CONFIG`.
 */
export async function readEndTokens(modelDir: string): Promise<number[]> {
  const files = ['generation_config.json', 'config.json'].map((name) => join(modelDir, name));
  const lists = await Promise.all(files.map(async (file) => endTokensIn(await readIfThere(file), file)));
  return lists.find((ids) => ids.length > 0) ?? [];
}

function endTokensIn(config: Json, file: string): number[] {
  const field = 'eos_token_id';
  const value = config[field] ?? [];
  const ids: unknown[] = Array.isArray(value) ? value : [value];
  return ids.map((id) => {
    if (typeof id === 'number' && Number.isInteger(id) && id >= 0) return id;
    throw new WhetstoneError(
      'MODEL_CONFIG',
      `expected a token id or a list of token ids; found ${shown(value)}`,
      { file, field },
    );
  });
}
