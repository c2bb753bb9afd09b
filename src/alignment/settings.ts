// The settings of an alignment run: which there are follows from the table; here is what method and preset change, and
// what contradicts. Knows neither flags nor files.
import type { Entry, Problem } from '../options/check.ts';
import { camelCase } from '../options/names.ts';
import { bothWays } from '../options/resume.ts';
import { defaultsOf, without } from '../options/table.ts';
import type { DefaultsOf, SettingsOf } from '../options/table.ts';
import { onlinePresetDefaults, presetDefaults } from '../options/tables/method.ts';
import { alignTable } from '../options/verbs/training.ts';
import { foreignSettings, methodNamed, methodNames, methodsWith, withMethods } from './methods.ts';
import type { WithMethods } from './methods.ts';

type OptionsTable = WithMethods<typeof alignTable>;
type RunTable = Omit<OptionsTable, 'out' | 'resume' | 'overwrite'>;

const optionsTable: OptionsTable = withMethods(alignTable);

/** What decides what a run computes, and how often it saves; its record has these. */
export const runTable: RunTable = without(optionsTable, ['out', 'resume', 'overwrite']);

/** Everything that decides what a run computes, and how often it saves. Paths are the user's own. */
export interface AlignSettings extends Omit<SettingsOf<RunTable>, 'data'> {
  /** File of judged triplets; null where they were given in memory. */
  readonly data: string | null;
}

/** arXiv 2312.14591's settings for CUT; model and data have no default, and some methods have others. */
export const defaultSettings: DefaultsOf<RunTable> = defaultsOf(runTable);

export type GivenSettings = Partial<AlignSettings> & Pick<AlignSettings, 'model' | 'data'>;

/**
 * Fills in what was not given: from the preset, then from the method, then from the general defaults. Throws
 * WhetstoneError `INVALID_OPTIONS` for a method that there is not.
 */
export const resolveSettings = (given: GivenSettings): AlignSettings => ({
  ...usualSettings(given, defaultSettings),
  ...given,
});

/** Whether triplets are given or come round by round. */
type Course = 'offline' | 'online';

const presets: Readonly<Record<Course, typeof presetDefaults | typeof onlinePresetDefaults>> = {
  offline: presetDefaults,
  online: onlinePresetDefaults,
};

/** The defaults that hold with the method and preset given, where the general ones are `defaults`. */
export function usualSettings<D extends object>(
  {
    method = defaultSettings.method,
    preset = defaultSettings.preset,
  }: Partial<Pick<AlignSettings, 'method' | 'preset'>>,
  defaults: D,
  course: Course = 'offline',
): D {
  const { settings, defaults: own } = methodNamed(method);
  return { ...defaults, ...own, ...(settings.includes('preset') && presets[course][preset]), method };
}

/** What `align` takes. */
export const alignEntry: Entry<OptionsTable> = {
  table: optionsTable,
  others: {
    triplets: 'list',
    objective: 'object',
    checked: 'boolean',
    beside: 'number',
    onRevision: 'function',
    onRetained: 'function',
    onNote: 'function',
    signal: 'object',
    openEngine: 'function',
  },
  required: (given) => {
    if (given.resume) return [];
    return 'triplets' in given ? ['model'] : ['data', 'model'];
  },
  together: (given) => [...contradictions(given, defaultSettings), ...bothWays(given), ...inMemory(given)],
};

function inMemory(given: { readonly data?: unknown; readonly out?: unknown }): Problem[] {
  if (!('triplets' in given)) return [];
  const message = 'a run directory records where its data lies; write the triplets to a file for one';
  return [
    ...(given.data === undefined
      ? []
      : [
          {
            keys: ['triplets', 'data'],
            message: 'a run learns from triplets in memory or from a file, not both',
          },
        ]),
    ...(given.out === undefined ? [] : [{ keys: ['triplets', 'out'], message }]),
  ];
}

/**
 * Every contradiction between settings that were given; a default that was spelled out never contradicts. `defaults`
 * are the general ones of the verb. Nothing is said of a method that there is not.
 */
export function contradictions(
  all: Partial<AlignSettings>,
  defaults: typeof defaultSettings,
  course: Course = 'offline',
): Problem[] {
  const { method = defaults.method } = all;
  if (!methodNames().includes(method)) return [];
  const usual: Partial<AlignSettings> = usualSettings(all, defaults, course);
  const given = Object.fromEntries(
    Object.entries(all).filter(([key, value]) => value !== usual[key as keyof AlignSettings]),
  ) as Partial<AlignSettings>;
  const asked: Asked = { all, given, method, settings: { ...usual, ...all } as AlignSettings };
  return [
    ...foreign(asked),
    ...(methodNamed(method).settings.includes('preset') ? ofCut(asked) : []),
    ...(methodNamed(method).settings.includes('form') ? ofForm(asked) : []),
    ...ofPreferences(asked),
    ...ofRevisions(asked),
    ...ofRetaining(asked),
  ];
}

interface Asked {
  readonly all: Partial<AlignSettings>;
  /** Without defaults that were spelled out. */
  readonly given: Partial<AlignSettings>;
  readonly method: string;
  /** With the defaults. */
  readonly settings: AlignSettings;
}

const foreign = ({ given, method }: Asked): Problem[] =>
  foreignSettings(method)
    .filter((key) => given[key] !== undefined)
    .map((key) => {
      const owners = methodsWith(key).map((name) => `"${name}"`);
      const belongs = `this belongs to ${owners.length > 1 ? 'methods' : 'method'} ${owners.join(', ')}`;
      return { keys: [key, 'method'], message: `${belongs} and means nothing for "${method}"` };
    });

function ofCut({ all, given, settings }: Asked): Problem[] {
  const found: Problem[] = [];
  const add = (holds: boolean, keys: (keyof AlignSettings)[], message: string): void => {
    if (holds) found.push({ keys, message });
  };
  if (given.preset === 'released-code') {
    const other = 'the released code has no factor p^gamma, so gamma can only be 0';
    add(all.gamma !== undefined && all.gamma !== 0, ['gamma', 'preset'], other);
    add(given.normalize !== undefined, ['normalize', 'preset'], 'the released code averages in its own way');
  }
  const { l1, alignP, alignN, dynamicWeight } = settings;
  const nothing = 'with all of these off nothing is left to train on';
  add(!l1 && !alignP && !alignN, ['l1', 'alignP', 'alignN'], nothing);
  for (const key of ['alpha', 'gamma', 'detection', 'dynamicWeight'] as const)
    add(!l1 && given[key] !== undefined, [key, 'l1'], 'this is a part of l1, which is off');
  const weighted = !dynamicWeight && given.gamma !== undefined && given.gamma !== 0;
  add(weighted, ['gamma', 'dynamicWeight'], 'gamma is the exponent of the dynamic weight, which is off');
  return found;
}

function ofForm({ given, settings: { form } }: Asked): Problem[] {
  const others =
    form === 'sampled' ? (['divergence'] as const) : (['importanceClip', 'maxLogRatio'] as const);
  const message = `this is a part of form "${form === 'sampled' ? 'full' : 'sampled'}"`;
  return others.filter((key) => given[key] !== undefined).map((key) => ({ keys: [key, 'form'], message }));
}

function ofPreferences({ method, settings: { beta } }: Asked): Problem[] {
  const compares = methodNamed(method).settings.includes('labelSmoothing');
  if (!compares || beta > 0) return [];
  return [{ keys: ['beta', 'method'], message: `method "${method}" needs a beta of more than 0` }];
}

function ofRevisions({ method, settings: { revisionMaxNewTokens: tokens, cutoffLen } }: Asked): Problem[] {
  if (methodNamed(method).from !== 'revisions' || tokens < cutoffLen - 1) return [];
  const message = `revisions of ${tokens} tokens leave no room for a prompt within ${cutoffLen}`;
  return [{ keys: ['revisionMaxNewTokens', 'cutoffLen'], message }];
}

function ofRetaining({
  given,
  settings: { retain, retainMaxNewTokens: tokens, cutoffLen },
}: Asked): Problem[] {
  const message = 'this is about answers to keep, and there are no prompts for them';
  if (retain === null)
    return (['retainWeight', 'retainMaxNewTokens'] as const)
      .filter((key) => given[key] !== undefined)
      .map((key) => ({ keys: [key, 'retain'], message }));
  if (tokens < cutoffLen - 1) return [];
  const room = `answers of ${tokens} tokens leave no room for a prompt within ${cutoffLen}`;
  return [{ keys: ['retainMaxNewTokens', 'cutoffLen'], message: room }];
}

/** Names of the settings of a run. */
export const runSettings: readonly (keyof AlignSettings)[] = Object.keys(runTable).map(
  (name) => camelCase(name) as keyof AlignSettings,
);
