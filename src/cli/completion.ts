// whetstone completion: a shell's completion of verbs, flags and values, made from the tables of the verbs.
import type { Command } from 'commander';
import type { Setting } from '../options/kinds.ts';
import { bashScript } from './completion/bash.ts';
import { fishScript } from './completion/fish.ts';
import { powershellScript } from './completion/powershell.ts';
import type { CompletedVerb, Value } from './completion/verbs.ts';
import { zshScript } from './completion/zsh.ts';
import { tableOfCommand } from './flags.ts';
import type { Given, Verb } from './flags.ts';
import { requireOutput } from './rows-out.ts';
import type { VerbContext } from './screen.ts';

const scripts = { bash: bashScript, zsh: zshScript, fish: fishScript, powershell: powershellScript } as const;

const table = {
  shell: {
    kind: 'choice',
    choices: ['bash', 'zsh', 'fish', 'powershell'],
    positional: true,
    placeholder: 'SHELL',
    help: 'bash, zsh, fish or powershell',
  },
} as const;

export const completionVerb: Verb<typeof table> = {
  name: 'completion',
  summary: 'Print the completion of verbs, flags and values for a shell',
  about: `Add to ~/.bashrc:               source <(whetstone completion bash)
Add to ~/.zshrc after compinit: source <(whetstone completion zsh)
Once for fish:                  whetstone completion fish > ~/.config/fish/completions/whetstone.fish
Add to $PROFILE of PowerShell:  whetstone completion powershell | Out-String | Invoke-Expression`,
  examples: [['completion bash', 'the script, which knows this version of whetstone']],
  table,
  required: () => ['shell'],
  together: () => [],
  tellsOnStderr: () => true,
};

/** `program` is the whole command, once it is made. */
export const runCompletion =
  (program: () => Command) =>
  async ({ values }: Given<typeof table>, { screen }: VerbContext): Promise<number> => {
    await requireOutput();
    const script = scripts[values.shell](completedVerbs(program()));
    screen.result('script', { shell: values.shell, script }, script.trimEnd());
    return 0;
  };

/** The verbs that `--help` lists, with what they take. */
export const completedVerbs = (program: Command): CompletedVerb[] =>
  program
    .createHelp()
    .visibleCommands(program)
    .filter((command) => command.name() !== 'help')
    .map((command): CompletedVerb => {
      const entries = Object.entries<Setting>(tableOfCommand(command));
      return {
        name: command.name(),
        summary: command.summary(),
        verbs: completedVerbs(command),
        flags: entries
          .filter(([, setting]) => !setting.positional)
          .map(([name, setting]) => ({ name: `--${name}`, help: setting.help, value: valueOf(setting) })),
        positionals: entries
          .filter(([, { positional }]) => positional)
          .map(([, setting]) => valueOf(setting)),
      };
    });

function valueOf(setting: Setting): Value {
  if (setting.kind === 'choice') return { kind: 'words', words: setting.choices };
  if (setting.kind === 'boolean') return { kind: 'none' };
  const placeholder = setting.placeholder ?? '';
  if (setting.path ? !/DIR|RUN/.test(placeholder) : /FILE|DATA|PLACES/.test(placeholder))
    return { kind: 'file' };
  if (/DIR|RUN|MODELS/.test(placeholder)) return { kind: 'folder' };
  return { kind: 'text', placeholder: placeholder || 'VALUE' };
}
