// From flags and a YAML file to checked values, every problem found at once and with its place.
// Knows the schema's kinds, not any verb.
import { editDistance } from './edit-distance.ts';
import { WhetstoneError, describePlace } from '../errors.ts';
import type { Place } from '../errors.ts';
import { camelCase, snakeCase } from './names.ts';
import { checkFlag, checkValue } from './kinds.ts';
import type { Option, Schema } from './kinds.ts';

/** What stood on the command line, before any check. */
export interface RawFlags {
  /** By the flag's spelling without dashes; `true` where no value followed. */
  readonly values: Readonly<Record<string, string | true>>;
  /** In order; matched with the schema's positional options. */
  readonly positionals: readonly string[];
  /** Flags that no option has. */
  readonly unknown: readonly string[];
}

/** A top-level entry of a YAML file. */
export interface ConfigEntry {
  readonly key: string;
  readonly value: unknown;
  readonly place: Place;
}

export interface OptionProblem {
  /** "--lambda" or a YAML key with its place. */
  readonly where: string;
  readonly message: string;
}

export interface ReadResult<T> {
  /** What was given and is good. */
  readonly values: Partial<T>;
  /** For every given option where it was given, for messages. */
  readonly places: Readonly<Record<string, string>>;
  readonly problems: readonly OptionProblem[];
}

/** Merges flags over config entries and checks both against the schema. Throws nothing. */
export function readOptions<T>(
  schema: Schema<T>,
  flags: RawFlags,
  config: readonly ConfigEntry[],
): ReadResult<T> {
  const options = schema as Readonly<Record<string, Option>>;
  const values: Record<string, unknown> = {};
  const places: Record<string, string> = {};
  const problems: OptionProblem[] = [];
  const take = (
    name: string,
    where: string,
    checked: ReturnType<typeof checkValue>,
    found: unknown,
  ): void => {
    places[name] = where;
    if (checked.ok) values[name] = checked.value;
    else
      problems.push({
        where,
        message: `expected ${checked.expected}, found ${show(found)}${choiceHelp(options[name]!, found)}`,
      });
  };

  for (const { key, value, place } of config) {
    const name = camelCase(key);
    const option = snakeCase(name) === key && Object.hasOwn(options, name) ? options[name] : undefined;
    const where = `${describePlace(place)}: ${key}`;
    if (option === undefined)
      problems.push({ where, message: `no such option${suggestion(key, spellings(options, true))}` });
    else if (option.flagOnly)
      problems.push({ where, message: `this is for the command line only (--${key})` });
    else take(name, where, checkValue(option, value), value);
  }
  const positional = Object.keys(options).filter((name) => options[name]!.positional);
  flags.positionals.forEach((value, i) => {
    const name = positional[i];
    if (name === undefined) problems.push({ where: show(value), message: 'nothing is expected here' });
    else take(name, options[name]!.placeholder ?? name, checkFlag(options[name]!, value), value);
  });
  for (const [key, value] of Object.entries(flags.values)) {
    const name = camelCase(key);
    const checked = checkFlag(options[name]!, value);
    take(name, `--${key}`, checked, value === true ? 'nothing' : value);
  }
  for (const flag of flags.unknown) {
    const hint = suggestion(flag.replace(/^-+/, '').replaceAll('-', '_'), spellings(options, false), '--');
    problems.push({ where: flag, message: `no such option${hint}` });
  }
  return { values: values as Partial<T>, places, problems };
}

/** Throws WhetstoneError `INVALID_OPTIONS` for all problems together, if there are any. */
export function refuseProblems(problems: readonly OptionProblem[], verb: string): void {
  if (problems.length === 0) return;
  const lines = problems.map(({ where, message }) => `${where}: ${message}`);
  const message =
    lines.length === 1 ? lines[0]! : `${lines.length} options are wrong:\n    ${lines.join('\n    ')}`;
  throw new WhetstoneError('INVALID_OPTIONS', message, { hint: `See "whetstone ${verb} --help".` });
}

/** Adds a problem for every required option that was not given; `given` may have found it wrong already. */
export function missing<T>(
  schema: Schema<T>,
  result: ReadResult<T>,
  required: readonly (keyof T & string)[],
): OptionProblem[] {
  return required
    .filter((name) => result.places[name] === undefined)
    .map((name) => {
      const option: Option = schema[name];
      const where = option.positional ? (option.placeholder ?? name) : `--${snakeCase(name)}`;
      return { where, message: `missing: ${option.help}` };
    });
}

const spellings = (options: Readonly<Record<string, Option>>, inFile: boolean): string[] =>
  Object.keys(options)
    .filter((name) => !(inFile ? options[name]!.flagOnly : options[name]!.positional))
    .map(snakeCase);

/** " (did you mean lambda?)" if a known name is near, else nothing. */
export function suggestion(found: string, known: readonly string[], prefix = ''): string {
  const [best] = known
    .map((name) => ({ name, distance: editDistance(found.toLowerCase(), name) }))
    .filter(
      ({ name, distance }) => distance <= Math.max(1, Math.floor(Math.min(name.length, found.length) / 3)),
    )
    .sort((a, b) => a.distance - b.distance);
  if (best) return ` (did you mean ${prefix}${best.name}?)`;
  const word = known.filter(
    (name) =>
      found.length >= 4 &&
      (name.startsWith(found) || name.endsWith(`_${found}`) || found.endsWith(`_${name}`)),
  );
  return word.length === 1 ? ` (did you mean ${prefix}${word[0]!}?)` : '';
}

/** What else to say to someone who gave another choice than there are. */
function choiceHelp(option: Option, found: unknown): string {
  if (option.kind !== 'choice' || typeof found !== 'string') return '';
  const lines = option.explanation?.map((line) => `\n      ${line}`) ?? [];
  return suggestion(found, option.choices) + lines.join('');
}

function show(value: unknown): string {
  if (value === 'nothing' || typeof value === 'number') return String(value);
  const text = JSON.stringify(value) ?? String(value);
  return text.length > 60 ? `${text.slice(0, 57)}...` : text;
}
