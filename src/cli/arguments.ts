// A command line as the parser wants it: flags in one spelling, how the verb is to speak, and what stands behind "--".
// Knows commander's commands; it does not know what a flag means.
import type { Command, Option as Flag } from 'commander';
import type { Manner } from './screen.ts';

export interface Arguments {
  /** Without the flags that say how to speak, and without "--" and what is behind it. */
  readonly args: readonly string[];
  /** What stood behind "--": arguments, whatever they begin with. */
  readonly literal: readonly string[];
  readonly manner: Manner;
}

export function readArguments(program: Command, argv: readonly string[]): Arguments {
  const args: string[] = [];
  const manner = { quiet: false, json: false };
  let command = program;
  for (let i = 0; i < argv.length; i++) {
    const arg = argv[i]!;
    if (arg === '--') return { args, literal: argv.slice(i + 1), manner };
    const [, name, value] = /^--([A-Za-z][\w-]*)(=[^]*)?$/.exec(arg) ?? [];
    if (name === undefined) {
      const verb = command.commands.find((each) => each.name() === arg);
      if (verb) command = verb;
      args.push(arg);
      continue;
    }
    if ((name === 'quiet' || name === 'json') && value === undefined) {
      manner[name] = true;
      continue;
    }
    const spelled = `--${name.replaceAll('-', '_')}`;
    const flag = command.options.find(({ long }) => long === spelled);
    if (flag === undefined) {
      args.push(arg);
      continue;
    }
    args.push(spelled + (value ?? impliedValue(flag, argv[i + 1])));
    // A value may look like a flag.
    if (flag.required && value === undefined) args.push(argv[++i] ?? '');
  }
  return { args, literal: [], manner };
}

/** A flag that is true by itself does not take the next argument for its value. */
const impliedValue = (flag: Flag, next: string | undefined): string =>
  flag.optional && !flag.required && next !== 'true' && next !== 'false' ? '=true' : '';
