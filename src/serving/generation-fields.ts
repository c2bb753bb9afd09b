// The fields that both kinds of completion share: sampling, limits, streaming. Knows their ranges.
import type { Sampling } from '../engine/engine.ts';
import { sampling as settings } from '../options/tables/sampling.ts';
import { isFields } from '../rows/fields.ts';
import type { Fields } from '../rows/fields.ts';
import { badRequest } from './api-error.ts';
import { booleanField, invalidType, invalidValue, numberField } from './fields.ts';
import type { ServedModel } from './served-model.ts';

export interface GenerationFields {
  /** Without its limit and its stream of random numbers. */
  readonly sampling: Omit<Sampling, 'maxNewTokens' | 'seed'>;
  /** Null: another one for each request. */
  readonly seed: number | null;
  readonly stop: readonly string[];
  readonly stopTokens: readonly number[];
  readonly ignoreEnd: boolean;
  readonly includeStop: boolean;
  readonly skipSpecialTokens: boolean;
  /** Choices a prompt. */
  readonly n: number;
  readonly stream: boolean;
  /** Whether a stream ends with its usage. */
  readonly includeUsage: boolean;
}

const mostChoices = 128;
const mostStops = 4;
/** Code points of a stop string: longer than any that is meant to end a text. */
const longestStop = 1000;
const mostStopTokens = 128;
const mostBiases = 1024;

export function readGenerationFields(
  fields: Fields,
  { vocabSize, sampling: usual }: Pick<ServedModel, 'vocabSize' | 'sampling'>,
): GenerationFields {
  const stream = booleanField(fields, 'stream');
  const number = (param: string, range: Parameters<typeof numberField>[2], otherwise: number): number =>
    numberField(fields, param, range) ?? otherwise;
  const { frequency_penalty: frequency, presence_penalty: presence, repetition_penalty } = settings;
  return {
    sampling: {
      temperature: number('temperature', { min: 0, max: 2 }, usual.temperature ?? 1),
      topP: number('top_p', { min: 0, max: 1 }, usual.topP ?? 1),
      topK: Math.max(0, number('top_k', { min: -1, integer: true }, usual.topK ?? 0)),
      minP: number('min_p', { min: 0, max: 1 }, usual.minP ?? 0),
      minTokens: number('min_tokens', { min: 0, integer: true }, 0),
      repetitionPenalty: number('repetition_penalty', repetition_penalty, usual.repetitionPenalty ?? 1),
      frequencyPenalty: number('frequency_penalty', frequency, 0),
      presencePenalty: number('presence_penalty', presence, 0),
      logitBias: readLogitBias(fields['logit_bias'] ?? null, vocabSize),
    },
    seed: numberField(fields, 'seed', { integer: true }),
    stop: readStop(fields['stop'] ?? null),
    stopTokens: readStopTokens(fields['stop_token_ids'] ?? null, vocabSize),
    ignoreEnd: booleanField(fields, 'ignore_eos'),
    includeStop: booleanField(fields, 'include_stop_str_in_output'),
    skipSpecialTokens: booleanField(fields, 'skip_special_tokens', true),
    n: number('n', { min: 1, max: mostChoices, integer: true }, 1),
    stream,
    includeUsage: readStreamOptions(fields['stream_options'] ?? null, stream),
  };
}

function readLogitBias(value: unknown, vocabSize: number): ReadonlyMap<number, number> {
  const param = 'logit_bias';
  if (value === null) return new Map();
  if (!isFields(value)) throw invalidType(param, 'an object from token ids to numbers', value);
  const entries = Object.entries(value);
  if (entries.length > mostBiases) throw invalidValue(param, `at most ${mostBiases} tokens`);
  return new Map(
    entries.map(([key, bias]) => {
      const id = Number(key);
      if (!/^\d{1,10}$/.test(key) || id >= vocabSize)
        throw invalidValue(param, `token ids from 0 to ${vocabSize - 1}`);
      if (typeof bias !== 'number' || !(bias >= -100 && bias <= 100))
        throw invalidValue(param, 'numbers from -100 to 100');
      return [id, bias];
    }),
  );
}

function readStopTokens(value: unknown, vocabSize: number): number[] {
  const param = 'stop_token_ids';
  if (value === null) return [];
  if (!Array.isArray(value)) throw invalidType(param, 'an array of token ids', value);
  if (value.length > mostStopTokens) throw invalidValue(param, `at most ${mostStopTokens} token ids`);
  return value.map((id: unknown) => {
    if (typeof id !== 'number' || !Number.isInteger(id) || id < 0 || id >= vocabSize)
      throw invalidValue(param, `token ids from 0 to ${vocabSize - 1}`);
    return id;
  });
}

function readStop(value: unknown): string[] {
  if (value === null) return [];
  const stops: unknown[] = typeof value === 'string' ? [value] : Array.isArray(value) ? value : [];
  if (typeof value !== 'string' && !Array.isArray(value))
    throw invalidType('stop', 'a string or an array of strings', value);
  if (stops.length > mostStops)
    throw badRequest(
      `Invalid 'stop': array too long. Expected at most ${mostStops} strings, but got ${stops.length} instead.`,
      'stop',
      'array_above_max_length',
    );
  return stops.map((stop) => {
    if (typeof stop !== 'string') throw invalidType('stop', 'an array of strings', value);
    if (stop === '' || stop.length > longestStop || /\p{Surrogate}/u.test(stop))
      throw invalidValue(
        'stop',
        `strings of 1 to ${longestStop} characters, none of them half of a surrogate pair`,
      );
    return stop;
  });
}

function readStreamOptions(value: unknown, stream: boolean): boolean {
  if (value === null) return false;
  if (!isFields(value)) throw invalidType('stream_options', 'an object', value);
  if (!stream)
    throw badRequest(
      "The 'stream_options' parameter is only allowed when 'stream' is enabled.",
      'stream_options',
    );
  for (const [name, option] of Object.entries(value)) {
    const param = `stream_options.${name.slice(0, 100)}`;
    // The padding against eavesdroppers on the length of chunks is none of the text.
    if (!['include_usage', 'include_obfuscation', 'continuous_usage_stats'].includes(name))
      throw badRequest(`Unrecognized request argument supplied: ${param}`, param, 'unknown_parameter');
    if (option !== null && typeof option !== 'boolean') throw invalidType(param, 'a boolean', option);
    if (name === 'continuous_usage_stats' && option === true)
      throw badRequest('Usage comes once, at the end of a stream.', param, 'unsupported_value');
  }
  return value['include_usage'] === true;
}
