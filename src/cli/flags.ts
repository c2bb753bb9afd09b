// Turns an option schema into a commander verb: flags, grouped help with examples, and values read back.
// Knows commander and the schema; it does not know what any verb does.
import { Command, Option as Flag } from 'commander';
import { refuse } from '../options/check.ts';
import type { Entry } from '../options/check.ts';
import type { Setting } from '../options/kinds.ts';
import { snakeCase } from '../options/names.ts';
import { readOptions } from '../options/read.ts';
import type { RawFlags, ReadResult } from '../options/read.ts';
import { defaultsOf } from '../options/table.ts';
import type { SettingsOf, Table } from '../options/table.ts';
import { streamProblems } from './standard-streams.ts';
import { command, manner } from '../options/tables/command.ts';

export type WithConfig<T> = T & Pick<typeof command, 'config'>;

/** A verb's table with `--config`, which the library does not have. */
export const withConfig = <T extends Table>(table: T): WithConfig<T> => ({
  ...table,
  config: command.config,
});

/** What the verb takes, as the library's function of that name does, and what --help says of it. */
export interface Verb<T extends Table> extends Omit<Entry<T>, 'others'> {
  readonly name: string;
  /** One line for the list of verbs, then what else --help should teach. */
  readonly summary: string;
  readonly about: string;
  /** Whether the standard output has results alone; else the verb tells there what it does as well. */
  readonly tellsOnStderr?: (values: SettingsOf<T>) => boolean;
  /** Command lines without "whetstone", each with what it does. */
  readonly examples: readonly (readonly [command: string, meaning: string])[];
}

/** What an action receives: checked values, of which only those given are in `given`. */
export interface Given<T> {
  readonly given: Partial<SettingsOf<T>>;
  /** Defaults filled in; fields without default that were not required may still be absent. */
  readonly values: SettingsOf<T>;
}

/** The table of each command that runs a verb. */
const tables = new WeakMap<Command, Table>();

/** What the command's flags and arguments may be; none for one that only groups verbs. */
export const tableOfCommand = (command: Command): Table => tables.get(command) ?? {};

/**
 * Makes the commander command of a verb. The config file, if there is an option for it, is read on the way. `literal`
 * are arguments that stood behind "--".
 */
export function verbCommand<T extends Table>(
  verb: Verb<T>,
  action: (given: Given<T>) => Promise<void>,
  {
    path = verb.name,
    literal = () => [],
  }: { readonly path?: string; readonly literal?: () => readonly string[] } = {},
): Command {
  const made = new Command(verb.name)
    .summary(verb.summary)
    .description(`${verb.summary}\n\n${verb.about}`)
    .allowUnknownOption()
    .allowExcessArguments()
    .helpOption('-h, --help', 'show this help')
    .addHelpText(
      'after',
      `\nExamples:\n${verb.examples.map(([line, meaning]) => `  $ whetstone ${line}\n      ${meaning}`).join('\n')}`,
    );
  tables.set(made, { ...verb.table, ...manner });
  for (const [name, setting] of Object.entries<Setting>(tableOfCommand(made))) {
    if (setting.positional) made.argument(`[${setting.placeholder ?? name}]`, setting.help);
    else made.addOption(flagOf(name, setting));
  }
  made.action(async () => {
    const raw = rawFlags(made, literal());
    const file = raw.values['config'];
    const entries =
      'config' in verb.table && typeof file === 'string'
        ? await (await import('../options/config-file.ts')).readConfigFile(file)
        : [];
    const result = readOptions(verb.table, raw, entries);
    refuse(problemsOf(verb, result, raw.swallowed), `See "whetstone ${path} --help".`);
    await action({
      given: result.values,
      values: { ...defaultsOf(verb.table), ...result.values } as unknown as SettingsOf<T>,
    });
  });
  return made;
}

/** Everything that is wrong, a line each, by the places where it was given. */
function problemsOf<T extends Table>(
  verb: Verb<T>,
  { values, places, problems }: ReadResult<T>,
  swallowed: boolean,
): string[] {
  const settingOf = (key: string): Setting | undefined => (verb.table as Table)[snakeCase(key)];
  const where = (key: string): string => {
    const setting = settingOf(key);
    return places[key] ?? (setting?.positional ? (setting.placeholder ?? key) : `--${snakeCase(key)}`);
  };
  // What an unknown flag may have taken for its value is not missing as well.
  const missing = verb
    .required(values)
    .filter((key) => places[key] === undefined && !(swallowed && settingOf(key)?.positional));
  return [
    ...problems.map((problem) => `${problem.where}: ${problem.message}`),
    ...missing.map((key) => `${where(key)}: missing: ${settingOf(key)!.help}`),
    ...[...verb.together(values), ...streamProblems(verb.table, values)].map(
      ({ keys, message }) => `${keys.map(where).join(', ')}: ${message}`,
    ),
  ];
}

function flagOf(name: string, option: Setting): Flag {
  const flag = `--${name}`;
  const placeholder =
    option.placeholder ??
    {
      number: 'N',
      choice: 'NAME',
      text: 'TEXT',
      list: 'NAMES',
      map: 'NAME=VALUE,...',
      boolean: 'true|false',
    }[option.kind];
  const spec =
    option.kind !== 'boolean'
      ? `${flag} <${placeholder}>`
      : option.defaultText === ''
        ? flag
        : `${flag} [${placeholder}]`;
  const shown = option.defaultText ?? (option.default == null ? '' : `${option.default as string}`);
  const choices =
    option.kind === 'choice' && !option.help.includes(option.choices[0]!)
      ? ` (${option.choices.join(', ')})`
      : '';
  const made = new Flag(
    spec,
    `${option.help}${choices}${shown === '' ? '' : ` (default: ${shown})`}`,
  ).helpGroup(`${option.group}:`);
  // A list given in several flags is one list, and so are names and values.
  if (option.kind === 'list' || option.kind === 'map')
    made.argParser<string | undefined>((value, before) =>
      before === undefined ? value : `${before},${value}`,
    );
  return made;
}

/** Commander leaves what it does not know among the arguments, each unknown flag followed by what may be its value. */
function rawFlags(command: Command, literal: readonly string[]): RawFlags & { readonly swallowed: boolean } {
  const positionals: string[] = [];
  let swallowed = false;
  const unknown: string[] = [];
  const args = [...command.args];
  for (let i = 0; i < args.length; i++) {
    const arg = args[i]!;
    if (!/^--?[A-Za-z]/.test(arg)) {
      positionals.push(arg);
      continue;
    }
    unknown.push(arg.split('=')[0]!);
    const next = args[i + 1];
    if (!arg.includes('=') && next !== undefined && !next.startsWith('-')) {
      swallowed = true;
      i++;
    }
  }
  const values = command.opts<Record<string, string | true>>();
  return { values, positionals: [...positionals, ...literal], unknown, swallowed };
}
