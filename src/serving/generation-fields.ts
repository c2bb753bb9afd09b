// The fields that both kinds of completion share: sampling, limits, streaming. Refuses what this server cannot do.
import { badRequest } from './api-error.ts';
import type { Fields } from '../rows/fields.ts';
import { booleanField, describe, invalidType, invalidValue, numberField } from './fields.ts';
import { isFields } from '../rows/fields.ts';

export interface GenerationFields {
  readonly temperature: number;
  readonly topP: number;
  readonly topK: number;
  readonly repetitionPenalty: number;
  /** Null: another one for each request. */
  readonly seed: number | null;
  readonly stop: readonly string[];
  /** Choices a prompt. */
  readonly n: number;
  readonly stream: boolean;
  /** Whether a stream ends with its usage. */
  readonly includeUsage: boolean;
}

const mostChoices = 128;
const mostStops = 4;

export function readGenerationFields(fields: Fields): GenerationFields {
  refuseUnsupported(fields);
  const stream = booleanField(fields, 'stream');
  return {
    temperature: numberField(fields, 'temperature', { min: 0, max: 2 }) ?? 1,
    topP: numberField(fields, 'top_p', { min: 0, max: 1 }) ?? 1,
    topK: Math.max(0, numberField(fields, 'top_k', { min: -1, integer: true }) ?? 0),
    repetitionPenalty: readRepetitionPenalty(fields),
    seed: numberField(fields, 'seed', { integer: true }),
    stop: readStop(fields['stop'] ?? null),
    n: numberField(fields, 'n', { min: 1, max: mostChoices, integer: true }) ?? 1,
    stream,
    includeUsage: readStreamOptions(fields['stream_options'] ?? null, stream),
  };
}

function readRepetitionPenalty(fields: Fields): number {
  const penalty = numberField(fields, 'repetition_penalty', { min: 0 }) ?? 1;
  if (penalty === 0) throw invalidValue('repetition_penalty', 'a number above 0');
  return penalty;
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
    if (stop === '' || /\p{Surrogate}/u.test(stop))
      throw invalidValue('stop', 'strings of at least one character, none of them half of a surrogate pair');
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
  const include = value['include_usage'] ?? false;
  if (typeof include !== 'boolean') throw invalidType('stream_options.include_usage', 'a boolean', include);
  return include;
}

/** Fields that would change the result, and the values of them that change nothing. */
const harmless: Readonly<Record<string, (value: unknown) => boolean>> = {
  frequency_penalty: (value) => value === 0,
  presence_penalty: (value) => value === 0,
  logit_bias: (value) => isFields(value) && Object.keys(value).length === 0,
  tools: isEmpty,
  functions: isEmpty,
  tool_choice: (value) => value === 'none' || value === 'auto',
  function_call: (value) => value === 'none' || value === 'auto',
  response_format: (value) => isFields(value) && value['type'] === 'text',
  modalities: (value) => Array.isArray(value) && value.length === 1 && value[0] === 'text',
  audio: () => false,
  prediction: () => false,
  web_search_options: () => false,
  suffix: (value) => value === '',
};

const reasons: Readonly<Record<string, string>> = {
  frequency_penalty: 'Use repetition_penalty, which is another formula, or leave it at 0.',
  presence_penalty: 'Use repetition_penalty, which is another formula, or leave it at 0.',
  suffix: 'The models here continue a text; they do not fill gaps in one.',
};

function refuseUnsupported(fields: Fields): void {
  for (const [param, isHarmless] of Object.entries(harmless)) {
    const value = fields[param] ?? null;
    if (value === null || isHarmless(value)) continue;
    const found =
      typeof value === 'number' || typeof value === 'string' ? JSON.stringify(value) : describe(value);
    throw badRequest(
      [`Unsupported value: '${param}' does not support ${found} with this server.`, reasons[param]]
        .filter(Boolean)
        .join(' '),
      param,
      'unsupported_value',
    );
  }
}

function isEmpty(value: unknown): boolean {
  return Array.isArray(value) && value.length === 0;
}
