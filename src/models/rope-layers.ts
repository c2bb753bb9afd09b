// Which rope each layer has: one for all, none in some, or one for each kind of attention.
import type { FieldReader } from './config-fields.ts';
import { fieldReader, unsupported } from './config-fields.ts';
import type { Json } from './json-file.ts';
import type { Rope, RopeBounds, RopeShape, RopeTraits } from './rope-config.ts';
import { readNestedRope, readRope } from './rope-config.ts';

export interface RopeFields extends RopeShape {
  readonly json: Json;
  readonly read: FieldReader;
  readonly layers: number;
  readonly windows: readonly (number | null)[];
  readonly file: string;
}

/** The bounds are those of the positions that all of them hold for. */
export interface LayerRopes extends RopeBounds {
  /** For each layer; null for none. Layers with the same rope share the object. */
  readonly ropes: readonly (Rope | null)[];
}

export type RopeReader = (fields: RopeFields) => LayerRopes;

export const ropeEverywhere =
  (traits: RopeTraits): RopeReader =>
  (fields) => {
    const { rope, ...bounds } = readRope(fields.json, fields, traits, fields.file);
    return { ropes: new Array<Rope>(fields.layers).fill(rope), ...bounds };
  };

/** No rope in the layers that `no_rope_layers` marks with a 0. */
export const ropeInSomeLayers =
  (traits: RopeTraits): RopeReader =>
  (fields) => {
    const { ropes, ...bounds } = ropeEverywhere(traits)(fields);
    const has = layersWithRope(fields);
    return { ropes: ropes.map((rope, layer) => (has[layer] ? rope : null)), ...bounds };
  };

/** As SmolLM3's config.json says it: 1 is rope, 0 is none; left out, the last of each interval has none. */
export function layersWithRope({ read, layers }: Pick<RopeFields, 'read' | 'layers'>): readonly boolean[] {
  const interval = read.count('no_rope_layer_interval', 4);
  return (
    read.switches('no_rope_layers', layers) ??
    Array.from({ length: layers }, (_, layer) => (layer + 1) % interval !== 0)
  );
}

/** Gemma 3: layers with a window turn by a rope of their own, which `rope_scaling` leaves as it is. */
export const ropeByWindow =
  (theta: { readonly full: number; readonly sliding: number }): RopeReader =>
  ({ json, windows, file, ...shape }) => {
    const kinds = ['full_attention', 'sliding_attention'];
    const flat = Object.keys(fieldReader(json, file).object('rope_parameters')).find((key) => !kinds.includes(key));
    if (flat !== undefined)
      throw unsupported(file, `rope_parameters.${flat}`, 'one rope for all layers', `There is one for each of ${kinds.join(', ')}.`);
    const full = readNestedRope(json, shape, { kind: kinds[0]!, thetaField: 'rope_theta', theta: theta.full, scaled: true }, file);
    const sliding = readNestedRope(
      json,
      shape,
      { kind: kinds[1]!, thetaField: 'rope_local_base_freq', theta: theta.sliding, scaled: false },
      file,
    );
    const { maxPositions, endedBy } = sliding.maxPositions < full.maxPositions ? sliding : full;
    return { ropes: windows.map((window) => (window === null ? full : sliding).rope), maxPositions, endedBy };
  };
