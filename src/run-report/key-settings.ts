// Which settings of a run matter to its reader. Knows tables and defaults, not what settings mean.
import { onlineDefaults } from '../alignment/online/settings.ts';
import { defaultSettings, usualSettings } from '../alignment/settings.ts';
import { camelCase, mapKeys, snakeCase } from '../options/names.ts';
import type { RunKind } from '../runs/claim.ts';

const always = ['data', 'model', 'method', 'instructions', 'judge', 'rounds', 'per_round'];

/** What a run is about, and then what differs from the defaults of its method; of a record's settings, by their names there. */
export function keySettings(settings: Readonly<Record<string, unknown>>, kind: RunKind): string[] {
  const given = mapKeys(settings, camelCase);
  const defaults: Readonly<Record<string, unknown>> = mapKeys(
    usualSettings(given, kind === 'online' ? { ...defaultSettings, ...onlineDefaults } : defaultSettings),
    snakeCase,
  );
  const differs = (name: string): boolean =>
    settings[name] !== null && JSON.stringify(settings[name]) !== JSON.stringify(defaults[name]);
  return Object.keys(settings).filter((name) => always.includes(name) || differs(name));
}
