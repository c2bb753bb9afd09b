// Checks what a program gives against a table, and says everything that is wrong in one error. Knows no setting.
import { problemsError } from '../errors.ts';
import { checkValue } from './kinds.ts';
import type { Setting } from './kinds.ts';
import { camelCase } from './names.ts';
import { suggestion } from './suggest.ts';
import type { SettingsOf, Table } from './table.ts';

/** Something wrong with one option, or with several together. */
export interface Problem {
  /** By their TypeScript names, the one to blame foremost. */
  readonly keys: readonly string[];
  readonly message: string;
}

/** What an entry of the library takes: settings, and what is none. */
export interface Entry<T extends Table> {
  readonly table: T;
  /** Options that are no settings, by their TypeScript names: callbacks, engines, data in memory. */
  readonly others: Readonly<Record<string, OtherKind>>;
  /** What has to be given, as things stand. */
  readonly required: (given: Partial<SettingsOf<T>>) => readonly string[];
  /** What several options together have against each other; those that are wrong by themselves are left out. */
  readonly together: (given: Partial<SettingsOf<T>>) => readonly Problem[];
}

export type OtherKind = 'function' | 'object' | 'list' | 'text' | 'boolean' | 'number' | 'anything';

/**
 * The settings among `options`, without those that are undefined, which counts as not given.
 *
 * Throws WhetstoneError `INVALID_OPTIONS` that lists unknown names, wrong kinds, values out of range, what is missing
 * and what contradicts; `hint` is what can be done about them.
 */
export function checkOptions<T extends Table>(
  entry: Entry<T>,
  options: object,
  hint?: string,
): Partial<SettingsOf<T>> {
  const { settings, problems } = examine(entry, options);
  if (problems.length === 0) return settings;
  throw problemsError(
    'INVALID_OPTIONS',
    `${problems.length} options are wrong`,
    problems.map(({ keys, message }) => ({ options: keys, problem: message })),
    hint === undefined ? {} : { hint },
  );
}

/** The settings among `options` that are right, and everything that is wrong. */
export function examine<T extends Table>(
  entry: Entry<T>,
  options: object,
): { readonly settings: Partial<SettingsOf<T>>; readonly problems: readonly Problem[] } {
  const given = Object.entries(options).filter(([, value]) => value !== undefined);
  const settings = new Map(
    Object.entries<Setting>(entry.table).map(([name, setting]) => [camelCase(name), setting]),
  );
  const problems: Problem[] = [];
  const good: [string, unknown][] = [];
  for (const [key, value] of given) {
    const setting = settings.get(key);
    if (setting === undefined && Object.hasOwn(entry.others, key)) {
      const expected = otherProblem(entry.others[key]!, value);
      if (expected === null) good.push([key, value]);
      else problems.push({ keys: [key], message: `expected ${expected}, found ${show(value)}` });
    } else if (setting === undefined) {
      const known = [...settings.keys(), ...Object.keys(entry.others)];
      problems.push({ keys: [key], message: `no such option${suggestion(key, known)}` });
    } else {
      const checked = checkValue(setting, value);
      if (checked.ok) good.push([key, checked.value]);
      else problems.push({ keys: [key], message: wrongValue(setting, checked.expected, value) });
    }
  }
  const sound = Object.fromEntries(good) as Partial<SettingsOf<T>>;
  for (const key of entry.required(sound))
    if (!given.some(([name]) => name === key))
      problems.push({
        keys: [key],
        message: ['missing', settings.get(key)?.help].filter(Boolean).join(': '),
      });
  problems.push(...entry.together(sound));
  const found = good.filter(([key]) => settings.has(key));
  return { settings: Object.fromEntries(found) as Partial<SettingsOf<T>>, problems };
}

/** Where `resume` found no run in `out` to go on with: checks that the options will do for a new one. */
export function requireNew<T extends Table>(
  entry: Entry<T>,
  options: { readonly out?: string; readonly resume?: boolean },
): void {
  if (!options.resume) return;
  const hint = `There is no run in ${options.out} to take them from.`;
  checkOptions(entry, { ...options, resume: false }, hint);
}

/** Throws WhetstoneError `INVALID_OPTIONS` for all of these lines together, if there are any. */
export function refuse(lines: readonly string[], hint?: string): void {
  if (lines.length === 0) return;
  const problems = lines.map((problem) => ({ problem }));
  const details = hint === undefined ? {} : { hint };
  throw problemsError('INVALID_OPTIONS', `${lines.length} options are wrong`, problems, details);
}

/** What is wrong with a value, and for a choice what its choices are. */
export function wrongValue(setting: Setting, expected: string, found: unknown): string {
  const message = `expected ${expected}, found ${show(found)}`;
  if (setting.kind !== 'choice' || typeof found !== 'string') return message;
  const lines = setting.explanation?.map((line) => `\n      ${line}`) ?? [];
  return message + suggestion(found, setting.choices) + lines.join('');
}

/** A value in few words; numbers that JSON lacks as they are. */
export function show(value: unknown): string {
  if (typeof value === 'number' || typeof value === 'function')
    return typeof value === 'number' ? String(value) : 'a function';
  const text = JSON.stringify(value) ?? String(value);
  return text.length > 60 ? `${text.slice(0, 57)}...` : text;
}

/** What was expected instead; null where the value is of the kind. */
function otherProblem(kind: OtherKind, value: unknown): string | null {
  switch (kind) {
    case 'function':
      return typeof value === 'function' ? null : 'a function';
    case 'object':
      return typeof value === 'object' && value !== null && !Array.isArray(value) ? null : 'an object';
    case 'list':
      return Array.isArray(value) ? null : 'an array';
    case 'text':
      return typeof value === 'string' ? null : 'a text';
    case 'boolean':
      return typeof value === 'boolean' ? null : 'true or false';
    case 'number':
      return typeof value === 'number' ? null : 'a number';
    case 'anything':
      return null;
  }
}
