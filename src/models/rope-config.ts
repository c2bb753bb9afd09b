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

/** How queries and keys are turned. */
export interface Rope {
  readonly theta: number;
  /** How many of a head's dimensions turn, the first ones; even. The others stay as they are. */
  readonly dims: number;
  readonly scaling: RopeScaling;
}

/** The positions that a rope holds for: longrope has other factors beyond the original length. */
export interface RopeBounds {
  readonly maxPositions: number;
  /** The field of config.json that ends them before the model's own positions; null for none. */
  readonly endedBy: string | null;
}

export interface BoundedRope extends RopeBounds {
  readonly rope: Rope;
}

/** What the rest of config.json says about heads and positions. */
export interface RopeShape {
  readonly headDim: number;
  readonly maxPositions: number;
}

/** What a family takes otherwise than most. */
export interface RopeTraits {
  /** Where config.json says nothing; 10000 for most. */
  readonly theta?: number;
  /** Whether a part of each head may turn alone. */
  readonly partial?: boolean;
  /** The kinds that it knows, by the names that config.json may give them. */
  readonly kinds?: Readonly<Record<string, string>>;
  /** The length before scaling, where config.json says nothing beside the rope's own settings, which do not count. */
  readonly originalLength?: number;
}

const allKinds = Object.fromEntries(
  ['default', 'linear', 'dynamic', 'llama3', 'yarn', 'longrope'].map((kind) => [kind, kind]),
);

/** Throws `MODEL_CONFIG` for fields that are missing or wrong and `MODEL_UNSUPPORTED` for kinds of rope. */
export function readRope(json: Json, shape: RopeShape, traits: RopeTraits, file: string): BoundedRope {
  const { name, rope } = chooseRope(json, file);
  const read = fieldReader(rope, file, name);
  const dims = readDims(json, name, rope, { headDim: shape.headDim, partial: traits.partial ?? false, file });
  refuseNested(name, rope, file);
  const kind = kindOf(name, rope, traits.kinds ?? allKinds, file);
  const theta = readTheta(json, name, rope, { usual: traits.theta ?? 10000, file });
  const { originalLength } = traits;
  const source = { read, name, rope, json, file, dims, maxPositions: shape.maxPositions, theta, originalLength };
  return bounded(kind, source);
}

/** Which of several ropes, and what it has if config.json says nothing. */
interface NestedRope {
  /** Its name within `rope_parameters`. */
  readonly kind: string;
  /** Where its theta stands in configurations of transformers 4. */
  readonly thetaField: string;
  readonly theta: number;
  /** Whether `rope_scaling` is about it. */
  readonly scaled: boolean;
}

/** The rope of one kind of layers, from `rope_parameters` of that kind or the fields that came before. */
export function readNestedRope(json: Json, shape: RopeShape, nested: NestedRope, file: string): BoundedRope {
  const outer = fieldReader(json, file);
  const own = fieldReader(outer.object('rope_parameters'), file, 'rope_parameters.').object(nested.kind);
  const scaling = nested.scaled ? outer.object('rope_scaling') : {};
  const isScaled = Object.keys(scaling).length > 0;
  // transformers writes these over settings that say "rope_type" already, so that "type" would not count.
  if (scaling.type !== undefined && scaling.rope_type === undefined) {
    const hint = 'Write "rope_type" in its place: transformers does not read "type" for this family.';
    throw unsupported(file, 'rope_scaling.type', shown(scaling.type), hint);
  }
  const rope = { ...own, ...scaling };
  const name = isScaled ? 'rope_scaling.' : `rope_parameters.${nested.kind}.`;
  const read = fieldReader(rope, file, name);
  const dims = readDims({}, name, rope, { headDim: shape.headDim, partial: false, file });
  refuseNested(name, rope, file);
  const kind = kindOf(name, rope, allKinds, file);
  const theta =
    rope.rope_theta === undefined
      ? outer.number(nested.thetaField, thetaRange, nested.theta)
      : read.number('rope_theta', thetaRange);
  return bounded(kind, { read, name, rope, json: {}, file, dims, maxPositions: shape.maxPositions, theta });
}

const bounded = (kind: string, source: ScalingSource): BoundedRope => {
  const { theta, dims } = source;
  const { scaling, maxPositions = source.maxPositions, endedBy = null } = readScaling(kind, source);
  return { rope: { theta, dims, scaling }, maxPositions, endedBy };
};

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

/** How many dimensions of each head turn: those of a `partial_rotary_factor`, where the family has one. */
function readDims(
  json: Json,
  name: string,
  rope: Json,
  { headDim, partial, file }: { readonly headDim: number; readonly partial: boolean; readonly file: string },
): number {
  const field = 'partial_rotary_factor';
  const inside = rope[field] !== undefined;
  const source = inside ? fieldReader(rope, file, name) : fieldReader(json, file);
  const share = (inside ? rope[field] : json[field]) ?? 1;
  const where = (inside ? name : '') + field;
  if (!partial && share !== 1) throw unsupported(file, where, shown(share), 'Only full rotary embeddings are.');
  const dims = Math.floor(headDim * source.number(field, { above: 0, to: 1 }, 1));
  if (dims < 2 || dims % 2 !== 0)
    throw unsupported(file, where, shown(share), `It turns ${dims} of ${headDim} dimensions; an even number of them can be.`);
  return dims;
}

/** For each kind of layer its own: other families than those that are read here have them. */
function refuseNested(name: string, rope: Json, file: string): void {
  const nested = Object.entries(rope).find(
    ([, value]) => typeof value === 'object' && value !== null && !Array.isArray(value),
  );
  if (nested)
    throw unsupported(file, name + nested[0], 'a rope of its own for a kind of layer', 'One for all is.');
}

function kindOf(name: string, rope: Json, kinds: Readonly<Record<string, string>>, file: string): string {
  const field = rope.rope_type !== undefined ? 'rope_type' : 'type';
  const kind = rope[field] === undefined ? 'default' : rope[field];
  if (typeof kind === 'string' && Object.hasOwn(kinds, kind)) return kinds[kind]!;
  throw unsupported(file, name + field, shown(kind), `Supported are ${Object.keys(kinds).join(', ')}.`);
}

/** Below 1 the order of the frequencies turns round; from 1e30 on they leave single precision. */
const thetaRange = { above: 1, to: 1e30 };

function readTheta(
  json: Json,
  name: string,
  rope: Json,
  { usual, file }: { readonly usual: number; readonly file: string },
): number {
  // As in transformers a null is no wish for the default: it is what is computed with, and fails.
  if (rope.rope_theta !== undefined) return fieldReader(rope, file, name).number('rope_theta', thetaRange);
  if (json.rope_theta !== undefined) return fieldReader(json, file).number('rope_theta', thetaRange);
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
  /** The prefix of the rope's fields in messages. */
  readonly name: string;
  readonly rope: Json;
  readonly json: Json;
  readonly file: string;
  readonly theta: number;
  readonly dims: number;
  readonly maxPositions: number;
  readonly originalLength?: number | undefined;
}

const positive = { above: 0 };

function readScaling(
  kind: string,
  source: ScalingSource,
): { readonly scaling: RopeScaling } & Partial<RopeBounds> {
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

const originalField = 'original_max_position_embeddings';

/** As in transformers the field outside the rope settings goes before that within. */
function readOriginalLength({ read, rope, json, maxPositions, originalLength, file }: ScalingSource): number {
  if (json[originalField] !== undefined) return fieldReader(json, file).count(originalField);
  if (originalLength !== undefined) return originalLength;
  return rope[originalField] === undefined ? maxPositions : read.count(originalField);
}

function readLlama3(source: ScalingSource): RopeScaling {
  const { read } = source;
  const lowFreqFactor = read.number('low_freq_factor', positive);
  return {
    type: 'llama3',
    factor: read.number('factor', positive),
    lowFreqFactor,
    highFreqFactor: read.number('high_freq_factor', { above: lowFreqFactor }),
    originalMaxPositions: readOriginalLength(source),
  };
}

function readYarn(source: ScalingSource): RopeScaling {
  const { read, rope, maxPositions } = source;
  const originalMaxPositions = readOriginalLength(source);
  // Null, but not a missing field, says that the two lengths tell it.
  const factor =
    rope.factor === null ? maxPositions / originalMaxPositions : read.number('factor', positive);
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
function readLongrope(source: ScalingSource): { readonly scaling: RopeScaling } & RopeBounds {
  const { read, dims, name, json, originalLength, maxPositions } = source;
  const original = readOriginalLength(source);
  const isOutside = json[originalField] !== undefined || originalLength !== undefined;
  const pairs = dims / 2;
  read.factors('long_factor', pairs);
  const shortFactors = read.factors('short_factor', pairs);
  const factor = read.number('factor', positive, maxPositions / original);
  const usual = factor <= 1 ? 1 : Math.sqrt(1 + Math.log(factor) / Math.log(original));
  return {
    scaling: {
      type: 'longrope',
      shortFactors,
      attentionFactor: read.number('attention_factor', positive, usual),
    },
    maxPositions: Math.min(maxPositions, original),
    endedBy: original < maxPositions ? (isOutside ? '' : name) + originalField : null,
  };
}
