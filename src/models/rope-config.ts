// Rope settings of a config.json in the spellings of transformers 4 and 5, as transformers 5.18 takes them.
// What it would take and run wrong is refused by the field's full name. Computes no angle.
import { WhetstoneError } from '../errors.ts';
import type { FieldReader } from './config-fields.ts';
import { fieldReader, shown, unsupported } from './config-fields.ts';
import type { Json } from './json-file.ts';

/** How the frequencies of plain rotary embeddings are changed. */
export type RopeScaling =
  | { readonly type: 'none' }
  /** Positions divided by `factor`. */
  | { readonly type: 'linear'; readonly factor: number }
  /** Llama 3's frequency-dependent stretch. */
  | {
      readonly type: 'llama3';
      readonly factor: number;
      readonly lowFreqFactor: number;
      readonly highFreqFactor: number;
      readonly originalMaxPositions: number;
    }
  /** arXiv 2309.00071: fast pairs as they are, slow ones divided by `factor`, a ramp between. */
  | {
      readonly type: 'yarn';
      readonly factor: number;
      /** Full turns within the original length at which the ramp begins and ends. */
      readonly betaFast: number;
      readonly betaSlow: number;
      /** Whether the ramp's ends are rounded outwards to whole pairs. */
      readonly truncate: boolean;
      readonly originalMaxPositions: number;
      /** Factor on cosines and sines, so that attention's logits grow by its square. */
      readonly attentionFactor: number;
    }
  /** arXiv 2402.13753, up to the original length: a divisor for each pair. */
  | { readonly type: 'longrope'; readonly shortFactors: readonly number[]; readonly attentionFactor: number };

export interface Rope {
  readonly theta: number;
  readonly scaling: RopeScaling;
  /** Positions that the settings hold for: longrope has others beyond the original length. */
  readonly maxPositions: number;
}

/** What the rest of config.json says about heads and positions. */
export interface RopeShape {
  readonly headDim: number;
  readonly maxPositions: number;
}

const supportedTypes = ['default', 'linear', 'dynamic', 'llama3', 'yarn', 'longrope'];

/** Throws `MODEL_CONFIG` for fields that are missing or wrong and `MODEL_UNSUPPORTED` for kinds of rope. */
export function readRope(json: Json, shape: RopeShape, file: string): Rope {
  const { name, rope } = chooseRope(json, file);
  const read = fieldReader(rope, file, name);
  refuseOthersRopes(json, name, rope, file);
  const kind = kindOf(name, rope, file);
  const theta = readTheta(json, name, rope, file);
  const rest = { read, rope, json, shape, file };
  return { theta, maxPositions: shape.maxPositions, ...readScaling(kind, rest) };
}

/**
 * transformers puts a `rope_scaling` that holds anything in the place of `rope_parameters`. Returned with the
 * prefix of its fields in messages.
 */
function chooseRope(json: Json, file: string): { name: string; rope: Json } {
  const outer = fieldReader(json, file);
  const [parameters, scaling] = [outer.object('rope_parameters'), outer.object('rope_scaling')];
  return Object.keys(scaling).length > 0
    ? { name: 'rope_scaling.', rope: scaling }
    : { name: 'rope_parameters.', rope: parameters };
}

/** Rope for a part of each head, and for each kind of layer its own: other families than ours have them. */
function refuseOthersRopes(json: Json, name: string, rope: Json, file: string): void {
  const field = 'partial_rotary_factor';
  const inside = rope[field] !== undefined;
  const partial = (inside ? rope[field] : json[field]) ?? 1;
  if (partial !== 1)
    throw unsupported(
      file,
      (inside ? name : '') + field,
      shown(partial),
      'Only full rotary embeddings are.',
    );
  const nested = Object.entries(rope).find(
    ([, value]) => typeof value === 'object' && value !== null && !Array.isArray(value),
  );
  if (nested)
    throw unsupported(file, name + nested[0], 'a rope of its own for a kind of layer', 'One for all is.');
}

function kindOf(name: string, rope: Json, file: string): string {
  const field = rope.rope_type !== undefined ? 'rope_type' : 'type';
  const kind = rope[field] === undefined ? 'default' : rope[field];
  if (typeof kind === 'string' && supportedTypes.includes(kind)) return kind;
  throw unsupported(file, name + field, shown(kind), `Supported are ${supportedTypes.join(', ')}.`);
}

/** Below 1 the order of the frequencies turns round; from 1e30 on they leave single precision. */
const thetaRange = { above: 1, to: 1e30 };

function readTheta(json: Json, name: string, rope: Json, file: string): number {
  // As in transformers a null is no wish for the default: it is what is computed with, and fails.
  if (rope.rope_theta !== undefined) return fieldReader(rope, file, name).number('rope_theta', thetaRange);
  if (json.rope_theta !== undefined) return fieldReader(json, file).number('rope_theta', thetaRange);
  const usual = 10000;
  const lost = fieldReader(json, file).object('rope_parameters').rope_theta;
  if (lost !== undefined && lost !== usual) {
    throw new WhetstoneError(
      'MODEL_CONFIG',
      `is missing, and rope_parameters.rope_theta, ${shown(lost)}, does not count beside ${name.slice(0, -1)}`,
      {
        file,
        field: `${name}rope_theta`,
        hint: `Write "rope_theta": ${shown(lost)} into ${name.slice(0, -1)}: transformers would go on with ${usual}.`,
      },
    );
  }
  return usual;
}

interface ScalingSource {
  readonly read: FieldReader;
  readonly rope: Json;
  readonly json: Json;
  readonly shape: RopeShape;
  readonly file: string;
}

const positive = { above: 0 };

function readScaling(
  kind: string,
  source: ScalingSource,
): { scaling: RopeScaling; maxPositions?: number } {
  const { read } = source;
  switch (kind) {
    case 'linear':
      return { scaling: { type: 'linear', factor: read.number('factor', positive) } };
    case 'llama3':
      return { scaling: readLlama3(source) };
    case 'yarn':
      return { scaling: readYarn(source) };
    case 'longrope':
      return readLongrope(source);
    case 'dynamic':
      // It scales from the first position beyond the model's, and no sequence reaches there.
      read.number('factor', positive);
  }
  return { scaling: { type: 'none' } };
}

/** As in transformers the field outside the rope settings goes before that within. */
function originalLength({ read, rope, json, shape, file }: ScalingSource): number {
  const field = 'original_max_position_embeddings';
  if (json[field] !== undefined) return fieldReader(json, file).count(field);
  return rope[field] === undefined ? shape.maxPositions : read.count(field);
}

function readLlama3(source: ScalingSource): RopeScaling {
  const { read } = source;
  const lowFreqFactor = read.number('low_freq_factor', positive);
  return {
    type: 'llama3',
    factor: read.number('factor', positive),
    lowFreqFactor,
    highFreqFactor: read.number('high_freq_factor', { above: lowFreqFactor }),
    originalMaxPositions: originalLength(source),
  };
}

function readYarn(source: ScalingSource): RopeScaling {
  const { read, rope, shape } = source;
  const originalMaxPositions = originalLength(source);
  // Null, but not a missing field, says that the two lengths tell it.
  const factor =
    rope.factor === null ? shape.maxPositions / originalMaxPositions : read.number('factor', positive);
  const orUsual = (field: string, usual: number): number => read.number(field, { from: 0 }, usual) || usual;
  return {
    type: 'yarn',
    factor,
    betaFast: orUsual('beta_fast', 32),
    betaSlow: orUsual('beta_slow', 1),
    // Python takes null for no.
    truncate: rope.truncate !== null && read.flag('truncate', true),
    originalMaxPositions,
    attentionFactor: yarnAttention(read, factor),
  };
}

function yarnAttention(read: FieldReader, factor: number): number {
  const growth = (scale: number): number => (factor <= 1 ? 1 : 0.1 * scale * Math.log(factor) + 1);
  const scale = read.number('mscale', { from: 0 }, 0);
  const scaleAllDim = read.number('mscale_all_dim', { from: 0 }, 0);
  const usual = scale !== 0 && scaleAllDim !== 0 ? growth(scale) / growth(scaleAllDim) : growth(1);
  return read.number('attention_factor', positive, usual);
}

/**
 * transformers takes other factors for a whole sequence as soon as it is longer than the original length, keys in
 * a cache keeping their old ones. Up to there it is one rope, and nothing longer is run.
 */
function readLongrope(source: ScalingSource): { scaling: RopeScaling; maxPositions: number } {
  const { read, shape } = source;
  const original = originalLength(source);
  const pairs = shape.headDim / 2;
  read.factors('long_factor', pairs);
  const shortFactors = read.factors('short_factor', pairs);
  const factor = read.number('factor', positive, shape.maxPositions / original);
  const usual = factor <= 1 ? 1 : Math.sqrt(1 + Math.log(factor) / Math.log(original));
  return {
    scaling: {
      type: 'longrope',
      shortFactors,
      attentionFactor: read.number('attention_factor', positive, usual),
    },
    maxPositions: Math.min(shape.maxPositions, original),
  };
}
