// From flags and a config file to checked values, every problem found at once and with its place. Knows tables, not any
// verb.
import { describePlace } from '../errors.ts';
import type { Place } from '../errors.ts';
import { show, wrongValue } from './check.ts';
import { checkFlag, checkValue, splitList } from './kinds.ts';
import type { Checked, Setting } from './kinds.ts';
import { camelCase } from './names.ts';
import { suggestion } from './suggest.ts';
import type { SettingsOf, Table } from './table.ts';

/** What stood on the command line, before any check. */
export interface RawFlags {
  /** By the flag's spelling without dashes; `true` where no value followed. */
  readonly values: Readonly<Record<string, string | true>>;
  /** In order; matched with the table's positional settings. */
  readonly positionals: readonly string[];
  /** Flags that the table does not have. */
  readonly unknown: readonly string[];
}

/** A top-level entry of a config file. */
export interface ConfigEntry {
  readonly key: string;
  readonly value: unknown;
  readonly place: Place;
}

/** Something wrong, and where it stands: "--lambda" or a key of a config file with its place. */
export interface PlacedProblem {
  readonly where: string;
  readonly message: string;
}

export interface ReadResult<T> {
  /** What was given and is good, by TypeScript names. */
  readonly values: Partial<SettingsOf<T>>;
  /** For every setting that was given, good or not, where; by TypeScript names. */
  readonly places: Readonly<Record<string, string>>;
  readonly problems: readonly PlacedProblem[];
}

/** Keys that are no options, of which a file that is no config may have any number: so many are told one by one. */
const mostUnknown = 20;

/** Merges flags over config entries and checks both against the table. Throws nothing. */
export function readOptions<T extends Table>(
  table: T,
  flags: RawFlags,
  config: readonly ConfigEntry[],
): ReadResult<T> {
  const settings = table as Table;
  const values: Record<string, unknown> = {};
  const places: Record<string, string> = {};
  const problems: PlacedProblem[] = [];
  const take = (name: string, where: string, checked: Checked, found: string): void => {
    places[camelCase(name)] = where;
    if (checked.ok) values[camelCase(name)] = checked.value;
    else problems.push({ where, message: found });
  };

  let unknown = 0;
  for (const { key, value, place } of config) {
    const setting = Object.hasOwn(settings, key) ? settings[key] : undefined;
    const where = `${describePlace(place)}: ${key}`;
    if (setting === undefined) {
      if (++unknown > mostUnknown) continue;
      problems.push({ where, message: `no such option${suggestion(key, namesIn(settings, 'file'))}` });
    } else if (setting.flagOnly)
      problems.push({ where, message: `this is for the command line only (--${key})` });
    else take(key, where, ...checkedInFile(setting, value));
  }
  if (unknown > mostUnknown) {
    const where = config[0]!.place.file ?? 'the config file';
    problems.push({ where, message: `${unknown - mostUnknown} more keys are no options` });
  }
  const positional = Object.keys(settings).filter((name) => settings[name]!.positional);
  flags.positionals.forEach((value, i) => {
    const name = positional[i];
    if (name === undefined) problems.push({ where: show(value), message: 'nothing is expected here' });
    else take(name, settings[name]!.placeholder ?? name, ...checkedFlag(settings[name]!, value));
  });
  for (const [name, value] of Object.entries(flags.values))
    take(name, `--${name}`, ...checkedFlag(settings[name]!, value));
  for (const flag of flags.unknown) {
    const spelled = flag.replace(/^-+/, '').replaceAll('-', '_');
    const hint = suggestion(spelled, namesIn(settings, 'flags'), '--');
    problems.push({ where: flag, message: `no such option${hint}` });
  }
  return { values: values as Partial<SettingsOf<T>>, places, problems };
}

type CheckedWithWords = [checked: Checked, problem: string];

/** A file may write a list in one text, as a flag does. */
function checkedInFile(setting: Setting, value: unknown): CheckedWithWords {
  const list = setting.kind === 'list' && typeof value === 'string' ? splitList(value) : value;
  const checked = checkValue(setting, list);
  return [checked, checked.ok ? '' : wrongValue(setting, checked.expected, value)];
}

function checkedFlag(setting: Setting, value: string | true): CheckedWithWords {
  const checked = checkFlag(setting, value);
  if (checked.ok) return [checked, ''];
  if (value === true) return [checked, `expected ${checked.expected}, found nothing`];
  return [checked, wrongValue(setting, checked.expected, value)];
}

/** Names that may stand in a config file, or as flags. */
const namesIn = (settings: Table, where: 'file' | 'flags'): string[] =>
  Object.keys(settings).filter((name) =>
    where === 'file' ? !settings[name]!.flagOnly : !settings[name]!.positional,
  );
