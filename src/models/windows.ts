// Which layers look only so far back, as each family's config.json says it. Knows no rope's angles.
import type { FieldReader } from './config-fields.ts';
import type { Json } from './json-file.ts';
import { layersWithRope } from './rope-layers.ts';

export interface LayerFields {
  readonly json: Json;
  readonly read: FieldReader;
  readonly layers: number;
}

/** For each layer how many positions back it may look, its own included; null looks at all. */
export type WindowReader = (fields: LayerFields) => readonly (number | null)[];

export const noWindow: WindowReader = ({ layers }) => new Array<null>(layers).fill(null);

/** The same window in every layer, or none where it is null. */
export const windowEverywhere =
  (usual: number | null): WindowReader =>
  ({ json, read, layers }) => {
    const { sliding_window: given = usual } = json;
    return new Array<number | null>(layers).fill(given === null ? null : read.count('sliding_window', usual ?? undefined));
  };

/** Where it is asked for: in the layers from a number on, or those that are listed. */
export const windowFrom =
  (field: string, usual: number): WindowReader =>
  ({ json, read, layers }) => {
    const uses = read.flag('use_sliding_window', false);
    const window = !uses || json.sliding_window === null ? null : read.count('sliding_window', 4096);
    const types = read.layerTypes('layer_types', layers);
    const first = read.number(field, { from: 0 }, usual);
    return Array.from({ length: layers }, (_, layer) => ((types ? isSliding(types[layer]) : layer >= first) ? window : null));
  };

/** Every layer but the last of each `period`, or those that are listed. */
export const windowButEvery =
  ({ period, field }: { readonly period: number; readonly field?: string }): WindowReader =>
  ({ json, read, layers }) => {
    const every = field === undefined ? period : read.count(field, period);
    const types = read.layerTypes('layer_types', layers);
    return listed(
      Array.from({ length: layers }, (_, layer) => (types ? isSliding(types[layer]) : (layer + 1) % every !== 0)),
      () => read.count('sliding_window', json.sliding_window === null ? undefined : 4096),
    );
  };

/** Layers without rope where it is asked for, or those that are listed. */
export const windowWithoutRope: WindowReader = (fields) => {
  const { json, read, layers } = fields;
  const types = read.layerTypes('layer_types', layers);
  const asked = read.flag('use_sliding_window', false) && (json.sliding_window ?? null) !== null;
  return listed(
    layersWithRope(fields).map((rope, layer) => (types ? isSliding(types[layer]) : asked && !rope)),
    () => read.count('sliding_window'),
  );
};

const isSliding = (kind: string | undefined): boolean => kind === 'sliding_attention';

/** The window, which is read only where a layer has one. */
function listed(sliding: readonly boolean[], read: () => number): (number | null)[] {
  const window = sliding.includes(true) ? read() : null;
  return sliding.map((slides) => (slides ? window : null));
}
