// Which projections of a model an adapter's configuration means, found as PEFT finds them
// (peft 0.21, `check_target_module_exists`). Knows names, no weights.
import { runInNewContext } from 'node:vm';
import { WhetstoneError } from '../errors.ts';
import { shown } from './config-fields.ts';
import type { DecoderConfig } from './config.ts';

/** What the names of a model's projections follow from. */
export type NamedProjections = Pick<DecoderConfig, 'layers'> &
  Partial<Pick<DecoderConfig, 'fusedProjections'>> & {
    /** The names themselves, of a family that is described elsewhere. */
    readonly projections?: readonly string[];
  };

/** Projections that some models have as one, whose output is theirs one after the other. */
const fusions: Readonly<Record<string, readonly string[]>> = {
  'self_attn.qkv_proj': ['self_attn.q_proj', 'self_attn.k_proj', 'self_attn.v_proj'],
  'mlp.gate_up_proj': ['mlp.gate_proj', 'mlp.up_proj'],
};

/** The names of every linear projection inside the layers, in the order they are applied. */
export function projectionNames({ layers, fusedProjections = false, projections }: NamedProjections): string[] {
  if (projections) return [...projections];
  const [heads, gateUp] = Object.entries(fusions).map(([whole, parts]) => (fusedProjections ? [whole] : parts));
  const parts = [...heads!, 'self_attn.o_proj', ...gateUp!, 'mlp.down_proj'];
  return Array.from({ length: layers }, (_, layer) =>
    parts.map((part) => `model.layers.${layer}.${part}`),
  ).flat();
}

/**
 * Targets of a model's adapter in which a fused projection stands for its parts, where all of them are named, by their
 * last parts or in full. Of a fused projection some rows alone cannot be adapted.
 */
export function fuseTargets(
  targets: readonly string[],
  { fusedProjections }: Pick<DecoderConfig, 'fusedProjections'>,
): readonly string[] {
  if (!fusedProjections) return targets;
  return Object.entries(fusions).reduce<readonly string[]>((named, [whole, parts]) => {
    const [first, ...others] = parts.map(lastPart);
    const meant = named
      .filter((target) => lastPart(target) === first)
      .map((target) => target.slice(0, -first!.length))
      .filter((before) => others.every((other) => named.includes(before + other)));
    const fused = new Map(meant.flatMap((before) => parts.map((part) => [before + lastPart(part), before + lastPart(whole)])));
    return [...new Set(named.map((target) => fused.get(target) ?? target))];
  }, targets);
}

const lastPart = (name: string): string => name.slice(name.lastIndexOf('.') + 1);

/**
 * Those of `names` that `target_modules`, `exclude_modules`, `layers_to_transform` and `layers_pattern` of an
 * adapter_config.json mean. Throws WhetstoneError `ADAPTER` for a field of another kind, and `ADAPTER_UNSUPPORTED` for a
 * pattern that only Python reads.
 */
export function adaptedProjections(
  config: Readonly<Record<string, unknown>>,
  names: readonly string[],
  file: string,
): string[] {
  const fields: FieldReader = { config, file };
  const targets = namesOrPattern(fields, 'target_modules');
  if (targets === null) throw wrong(fields, 'target_modules', 'a list of names or a pattern');
  const excluded = namesOrPattern(fields, 'exclude_modules');
  const inLayers = layerFilter(fields);
  const isMeant = (name: string): boolean => {
    if (excluded !== null && matches(excluded, name)) return false;
    if (targets instanceof RegExp) return targets.test(name);
    return targets.includes(name) || (matches(targets, name) && inLayers(name));
  };
  return inTime(() => names.filter(isMeant), file);
}

/** Some patterns try more ways to match a name than there is time for; they match in milliseconds or hardly ever. */
function inTime<T>(match: () => T, file: string): T {
  try {
    return runInNewContext('match()', { match }, { timeout: 1000 }) as T;
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code !== 'ERR_SCRIPT_EXECUTION_TIMEOUT') throw cause;
    throw new WhetstoneError('ADAPTER_UNSUPPORTED', 'its patterns of projections take too long to match', {
      file,
      cause,
      hint: 'Write the names of the projections in place of a pattern, as a list.',
    });
  }
}

/** Last parts of the names where they mean all projections of that name, the whole names where they mean some. */
export function shortestNames(projections: readonly string[], names: readonly string[]): string[] {
  const parts = new Set(projections.map(lastPart));
  const meant = names.filter((name) => parts.has(lastPart(name)));
  return meant.length === projections.length ? [...parts] : [...projections];
}

interface FieldReader {
  readonly config: Readonly<Record<string, unknown>>;
  readonly file: string;
}

const matches = (targets: RegExp | readonly string[], name: string): boolean =>
  targets instanceof RegExp
    ? targets.test(name)
    : targets.some((target) => name === target || name.endsWith(`.${target}`));

/** A text is a pattern that has to match the whole name; "all-linear" is PEFT's word for every projection. */
function namesOrPattern(reader: FieldReader, field: string): RegExp | readonly string[] | null {
  const value = reader.config[field] ?? null;
  if (value === null || (Array.isArray(value) && value.every((item) => typeof item === 'string')))
    return value;
  if (typeof value !== 'string') throw wrong(reader, field, 'a list of names or a pattern');
  if (field === 'target_modules' && value.toLowerCase() === 'all-linear') return /./;
  return pattern(reader, field, `^(?:${value})$`);
}

/** Whether a name lies in one of the layers that are transformed; a pattern of targets says that itself. */
function layerFilter(reader: FieldReader): (name: string) => boolean {
  const { layers_to_transform: layers } = reader.config;
  if (layers === undefined || layers === null || (Array.isArray(layers) && layers.length === 0))
    return () => true;
  const chosen = (Array.isArray(layers) ? layers : [layers]) as readonly unknown[];
  if (!chosen.every(Number.isInteger)) throw wrong(reader, 'layers_to_transform', 'layer numbers');
  const given = [reader.config['layers_pattern'] ?? []].flat() as readonly unknown[];
  const stacks = given.filter((stack) => stack !== '');
  const patterns = (stacks.length === 0 ? ['[^.]*'] : stacks).map((stack) =>
    pattern(reader, 'layers_pattern', `^.*\\.${String(stack)}\\.(\\d+)\\.`),
  );
  return (name) => {
    const found = patterns.map((each) => each.exec(name)).find((match) => match !== null);
    return found !== undefined && chosen.includes(Number(found[1]));
  };
}

function pattern({ config, file }: FieldReader, field: string, source: string): RegExp {
  try {
    return new RegExp(source);
  } catch (cause) {
    throw new WhetstoneError(
      'ADAPTER_UNSUPPORTED',
      `${shown(config[field])} cannot be read as a pattern`,
      { file, field, cause, hint: 'Write the names of the projections in its place, as a list.' },
    );
  }
}

function wrong({ config, file }: FieldReader, field: string, expected: string): WhetstoneError {
  const found = shown(config[field]);
  return new WhetstoneError('ADAPTER', `must be ${expected}; found ${found}`, { file, field });
}
