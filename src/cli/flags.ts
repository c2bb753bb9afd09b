// Turns an option schema into a commander verb: flags, grouped help with examples, and values read back.
// Knows commander and the schema; it does not know what any verb does.
import { Command, Option as Flag } from 'commander';
import { snakeCase } from '../options/names.ts';
import type { Option, Schema } from '../options/kinds.ts';
import { missing, readOptions, refuseProblems } from '../options/read.ts';
import type { OptionProblem, RawFlags } from '../options/read.ts';

export interface Verb<T> {
  readonly name: string;
  /** One line for the list of verbs, then what else --help should teach. */
  readonly summary: string;
  readonly about: string;
  /** Command lines without "whetstone", each with what it does. */
  readonly examples: readonly (readonly [command: string, meaning: string])[];
  readonly schema: Schema<T>;
  /** Shown in --help and filled in where nothing was given. */
  readonly defaults: Partial<T>;
  readonly required: readonly (keyof T & string)[];
  /** Problems that only several options together have. */
  readonly together?: (given: Partial<T>, where: (name: keyof T & string) => string) => OptionProblem[];
}

/** What an action receives: checked values, of which only those given are in `given`. */
export interface Given<T> {
  readonly given: Partial<T>;
  /** Defaults filled in; fields without default that were not required may still be absent. */
  readonly values: T;
}

/** Makes the commander command of a verb. The config file, if there is an option for it, is read on the way. */
export function verbCommand<T>(
  verb: Verb<T>,
  action: (given: Given<T>) => Promise<void>,
  path: string = verb.name,
): Command {
  const command = new Command(verb.name)
    .summary(verb.summary)
    .description(`${verb.summary}\n\n${verb.about}`)
    .allowUnknownOption()
    .allowExcessArguments()
    .helpOption('-h, --help', 'show this help')
    .addHelpText(
      'after',
      `\nExamples:\n${verb.examples.map(([line, meaning]) => `  $ whetstone ${line}\n      ${meaning}`).join('\n')}`,
    );
  for (const [name, option] of Object.entries(verb.schema) as [keyof T & string, Option][]) {
    if (option.positional) command.argument(`[${option.placeholder ?? name}]`, option.help);
    else command.addOption(flagOf(name, option, verb.defaults[name]));
  }
  command.action(async () => {
    const raw = rawFlags(command);
    const file = raw.values['config'];
    const entries =
      'config' in verb.schema && typeof file === 'string'
        ? await (await import('../options/config-file.ts')).readConfigFile(file)
        : [];
    const result = readOptions(verb.schema, raw, entries);
    const where = (name: keyof T & string): string => result.places[name] ?? `--${snakeCase(name)}`;
    const problems = [
      ...result.problems,
      ...missing(verb.schema, result, verb.required),
      ...(verb.together?.(result.values, where) ?? []),
    ];
    refuseProblems(problems, path);
    await action({ given: result.values, values: { ...verb.defaults, ...result.values } as T });
  });
  return command;
}

function flagOf(name: string, option: Option, fallback: unknown): Flag {
  const flag = `--${snakeCase(name)}`;
  const placeholder =
    option.placeholder ??
    { number: 'N', choice: 'NAME', text: 'TEXT', list: 'NAMES', boolean: 'true|false' }[option.kind];
  const spec =
    option.kind !== 'boolean'
      ? `${flag} <${placeholder}>`
      : option.defaultText === ''
        ? flag
        : `${flag} [${placeholder}]`;
  const shown =
    option.defaultText ?? (fallback === undefined || fallback === null ? '' : `${fallback as string}`);
  const choices =
    option.kind === 'choice' && !option.help.includes(option.choices[0]!)
      ? ` (${option.choices.join(', ')})`
      : '';
  const made = new Flag(
    spec,
    `${option.help}${choices}${shown === '' ? '' : ` (default: ${shown})`}`,
  ).helpGroup(`${option.group}:`);
  // A list given in several flags is one list.
  if (option.kind === 'list')
    made.argParser<string | undefined>((value, before) =>
      before === undefined ? value : `${before},${value}`,
    );
  return made;
}

/** Commander leaves what it does not know among the arguments, each unknown flag followed by what may be its value. */
function rawFlags(command: Command): RawFlags {
  const positionals: string[] = [];
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
    if (!arg.includes('=') && next !== undefined && !next.startsWith('-') && i + 2 <= args.length) i++;
  }
  return { values: command.opts<Record<string, string | true>>(), positionals, unknown };
}
