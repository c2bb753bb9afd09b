// Fields of a config.json by kind and range, with refusals that name them in full. Knows no field's meaning.
import { WhetstoneError } from '../errors.ts';
import type { Json } from './json-file.ts';

/** Where a number may lie; ends left out are open. */
export interface Range {
  readonly above?: number;
  readonly from?: number;
  readonly to?: number;
}

/** Reads fields of one JSON object. A field that is left out or null has its `fallback`; without one it is refused. */
export interface FieldReader {
  number(field: string, range: Range, fallback?: number): number;
  /** A positive integer, of at most `to`. */
  count(field: string, fallback?: number, to?: number): number;
  flag(field: string, fallback: boolean): boolean;
  /** Empty where the field is not set. */
  object(field: string): Json;
  /** Numbers above 0, `length` of them. */
  factors(field: string, length: number): readonly number[];
  /** 0s and 1s, one for each layer at least, or null where the field is not set. */
  switches(field: string, layers: number): readonly boolean[] | null;
  /** How each layer attends, or null where the field is not set. */
  layerTypes(field: string, layers: number): readonly string[] | null;
}

/** ONNX counts in int32 where we do, and no model has more of anything. */
const largestCount = 2 ** 31 - 1;

const attentionKinds = ['full_attention', 'sliding_attention'];

/** `prefix` is the path of `json` within the file, such as "rope_scaling.". */
export function fieldReader(json: Json, file: string, prefix = ''): FieldReader {
  const wrong = (field: string, expected: string): WhetstoneError =>
    new WhetstoneError('MODEL_CONFIG', `must be ${expected}; found ${shown(json[field])}`, {
      file,
      field: prefix + field,
    });
  const number = (field: string, range: Range, fallback?: number): number => {
    const value = json[field] ?? fallback;
    if (typeof value !== 'number' || !isWithin(value, range)) throw wrong(field, numberIn(range));
    return value;
  };
  return {
    number,
    count: (field, fallback, to = largestCount) => {
      const value = json[field] ?? fallback;
      const fits = Number.isInteger(value) && isWithin(value as number, { from: 1, to });
      if (!fits) throw wrong(field, to === largestCount ? 'a positive integer' : `an integer from 1 to ${to}`);
      return value as number;
    },
    flag: (field, fallback) => {
      const value = json[field] ?? fallback;
      if (typeof value !== 'boolean') throw wrong(field, 'true or false');
      return value;
    },
    object: (field) => {
      const value = json[field] ?? {};
      if (typeof value !== 'object' || Array.isArray(value)) throw wrong(field, 'an object');
      return value as Json;
    },
    factors: (field, length) => {
      const value = json[field];
      const isFactor = (one: unknown): boolean => typeof one === 'number' && isWithin(one, { above: 0 });
      if (!Array.isArray(value) || value.length !== length || !value.every(isFactor))
        throw wrong(field, `a list of ${length} numbers above 0, one for each pair of a head's dimensions`);
      return value as number[];
    },
    switches: (field, layers) => {
      const value = json[field] ?? null;
      if (value === null) return null;
      if (!Array.isArray(value) || value.length < layers || !value.every((one) => one === 0 || one === 1))
        throw wrong(field, `a list of 0s and 1s, one for each of the ${layers} layers`);
      return value.slice(0, layers).map((one) => one === 1);
    },
    layerTypes: (field, layers) => {
      const value = json[field] ?? null;
      if (value === null) return null;
      if (!Array.isArray(value) || value.length !== layers)
        throw wrong(field, `a list of ${layers} kinds of attention, one a layer`);
      const strange = (value as unknown[]).find((kind) => !attentionKinds.includes(kind as string));
      if (strange !== undefined)
        throw unsupported(
          file,
          prefix + field,
          shown(strange),
          `Supported are ${attentionKinds.join(', ')}.`,
        );
      return value as string[];
    },
  };
}

/** Refuses what is well-formed but cannot be run. */
export function unsupported(
  file: string,
  field: string | undefined,
  found: string,
  hint: string,
): WhetstoneError {
  const place = field === undefined ? { file } : { file, field };
  return new WhetstoneError('MODEL_UNSUPPORTED', `${found} is not supported`, { ...place, hint });
}

const isWithin = (value: number, { above = -Infinity, from = -Infinity, to = Infinity }: Range): boolean =>
  Number.isFinite(value) && value > above && value >= from && value <= to;

function numberIn({ above, from, to }: Range): string {
  const first = above !== undefined ? ` above ${above}` : from !== undefined ? ` from ${from}` : '';
  const last = to === undefined ? '' : `${above === undefined ? '' : ' and'} up to ${to}`;
  return `a number${first}${last}`;
}

/** A value as JSON; a long one by its kind and size, so that no message drowns in it. */
export function shown(value: unknown): string {
  if (value === undefined) return 'nothing';
  if (Array.isArray(value)) return value.length <= 8 && value.every(isPlain) ? JSON.stringify(value) : `a list of ${value.length}`;
  if (typeof value === 'object' && value !== null) return `an object of ${Object.keys(value).length} fields`;
  const json = JSON.stringify(value);
  return json.length <= 80 ? json : `${json.slice(0, 80)}…`;
}

const isPlain = (value: unknown): boolean => typeof value !== 'object' && !(typeof value === 'string' && value.length > 20);
