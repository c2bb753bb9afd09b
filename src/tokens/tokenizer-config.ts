// Reads the small files beside tokenizer.json: named special tokens, chat template, end-token ids.
// It does not know the vocabulary.
import { join } from 'node:path';
import { readTextFile } from '../decode.ts';
import { WhetstoneError } from '../errors.ts';
import { readEndTokens } from '../models/end-tokens.ts';

/** One entry of tokenizer_config.json's `added_tokens_decoder`. */
export interface ConfiguredToken {
  readonly id: number;
  readonly content: string;
  readonly special: boolean;
  readonly singleWord: boolean;
  readonly leftStrip: boolean;
  readonly rightStrip: boolean;
  readonly normalized: boolean;
}

export interface TokenizerConfig {
  /** Text of every named special token, by name: `bos_token`, `eos_token`, `pad_token`... */
  readonly specialTokens: Readonly<Record<string, string>>;
  readonly addedTokens: readonly ConfiguredToken[];
  readonly chatTemplate: string | null;
  /** Every end-token id that generation_config.json and config.json list; may be empty. */
  readonly endTokenIds: readonly number[];
}

type Json = Readonly<Record<string, unknown>>;

/**
 * Reads tokenizer_config.json, special_tokens_map.json, generation_config.json, config.json and
 * chat_template.jinja in `dir`; each may be missing. Throws `TOKENIZER_CONFIG` or `MODEL_CONFIG` where one is malformed.
 */
export async function readTokenizerConfig(dir: string): Promise<TokenizerConfig> {
  const [config, map, endTokenIds, jinja] = await Promise.all([
    readJsonObject(join(dir, 'tokenizer_config.json')),
    readJsonObject(join(dir, 'special_tokens_map.json')),
    readEndTokens(dir),
    readText(join(dir, 'chat_template.jinja')),
  ]);
  const configFile = join(dir, 'tokenizer_config.json');
  return {
    specialTokens: {
      ...namedTokens(map, join(dir, 'special_tokens_map.json')),
      ...namedTokens(config, configFile),
    },
    addedTokens: addedTokens(config, configFile),
    chatTemplate: jinja ?? chatTemplate(config, configFile),
    endTokenIds,
  };
}

/** Text of a file, or null where there is none. Throws as `decodeText`, and system errors of reading as they are. */
export async function readText(file: string): Promise<string | null> {
  try {
    return await readTextFile(file);
  } catch (error) {
    if (['ENOENT', 'ENOTDIR'].includes((error as NodeJS.ErrnoException).code ?? '')) return null;
    throw error;
  }
}

async function readJsonObject(file: string): Promise<Json> {
  const text = await readText(file);
  if (text === null) return {};
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    const message = error instanceof Error ? error.message : String(error);
    throw new WhetstoneError('TOKENIZER_CONFIG', `not valid JSON: ${message}`, {
      file,
      ...jsonErrorPosition(text, message),
      hint: 'Copy the file again from where the model came from.',
      cause: error,
    });
  }
  if (!isObject(value)) throw new WhetstoneError('TOKENIZER_CONFIG', 'expected a JSON object', { file });
  return value;
}

/** Line and column (from 1) of the position that V8 names in a JSON.parse message, if it names one. */
function jsonErrorPosition(text: string, message: string): { line?: number; column?: number } {
  const match = /at position (\d+)/.exec(message);
  // V8 names no position when the text merely ends too early.
  const position = match ? Number(match[1]) : /end of JSON input/.test(message) ? text.length : null;
  if (position === null) return {};
  const before = text.slice(0, position).split('\n');
  return { line: before.length, column: (before.at(-1) ?? '').length + 1 };
}

function namedTokens(config: Json, file: string): Record<string, string> {
  const tokens: Record<string, string> = {};
  for (const [name, value] of Object.entries(config)) {
    // `add_bos_token` and its like are switches, not tokens.
    if (!name.endsWith('_token') || value === null || typeof value === 'boolean') continue;
    const text = isObject(value) ? value['content'] : value;
    if (typeof text !== 'string') {
      const expected = 'expected a string or an object with a string "content"';
      throw new WhetstoneError('TOKENIZER_CONFIG', expected, { file, field: name });
    }
    tokens[name] = text;
  }
  return tokens;
}

function addedTokens(config: Json, file: string): ConfiguredToken[] {
  const field = 'added_tokens_decoder';
  const decoder = config[field] ?? {};
  if (!isObject(decoder)) {
    throw new WhetstoneError('TOKENIZER_CONFIG', 'expected an object from token id to token', {
      file,
      field,
    });
  }
  const tokens = Object.entries(decoder).map(([key, value]): ConfiguredToken => {
    const id = Number(key);
    if (!Number.isInteger(id) || !isObject(value) || typeof value['content'] !== 'string') {
      const message = `entry "${key}": expected a token id with an object that has a string "content"`;
      throw new WhetstoneError('TOKENIZER_CONFIG', message, { file, field });
    }
    return {
      id,
      content: value['content'],
      special: value['special'] === true,
      singleWord: value['single_word'] === true,
      leftStrip: value['lstrip'] === true,
      rightStrip: value['rstrip'] === true,
      normalized: value['normalized'] === true,
    };
  });
  return tokens.sort((a, b) => a.id - b.id);
}

function chatTemplate(config: Json, file: string): string | null {
  const field = 'chat_template';
  const value = config[field] ?? null;
  if (value === null || typeof value === 'string') return value;
  // Some models name several templates; the one called "default" is for plain chat.
  if (Array.isArray(value)) {
    const entry = value.find((item: unknown): item is Json => isObject(item) && item['name'] === 'default');
    if (entry === undefined) return null;
    if (typeof entry['template'] === 'string') return entry['template'];
  }
  throw new WhetstoneError('TOKENIZER_CONFIG', 'expected a string or a list of { name, template }', {
    file,
    field,
  });
}

function isObject(value: unknown): value is Json {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
