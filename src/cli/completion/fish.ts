// Completion for fish: one line for each verb, flag and argument.
import type { CompletedVerb, Value } from './verbs.ts';

export function fishScript(verbs: readonly CompletedVerb[]): string {
  const first = '__fish_use_subcommand';
  const lines = [
    '# Completion of whetstone for fish, made by "whetstone completion fish".',
    'complete -c whetstone -f',
    ...verbs.map((verb) => verbLine(verb, first)),
    line(first, `-a help -d ${quoted('show the help of a verb')}`),
    ...verbs.flatMap((verb) => {
      const seen = `__fish_seen_subcommand_from ${verb.name}`;
      if (verb.verbs.length === 0) return linesOf(verb, seen);
      const names = verb.verbs.map(({ name }) => name).join(' ');
      return verb.verbs.flatMap((each) => [
        verbLine(each, `${seen}; and not __fish_seen_subcommand_from ${names}`),
        ...linesOf(each, `${seen}; and __fish_seen_subcommand_from ${each.name}`),
      ]);
    }),
  ];
  return `${lines.join('\n')}\n`;
}

const line = (condition: string, rest: string): string =>
  `complete -c whetstone -n ${quoted(condition)} ${rest}`;

const verbLine = ({ name, summary }: CompletedVerb, condition: string): string =>
  line(condition, `-a ${name} -d ${quoted(summary)}`);

const linesOf = ({ flags, positionals }: CompletedVerb, seen: string): string[] => [
  ...flags.map(({ name, help, value }) =>
    line(seen, `-l ${name.slice(2)} ${valueOptions(value)}-d ${quoted(help)}`),
  ),
  ...positionals.slice(0, 1).flatMap((value) => {
    const options = valueOptions(value).replace(/^-[rx] /, '');
    return options === '' ? [] : [line(seen, options.trim())];
  }),
];

/** Whether a value is required, and how it is completed. */
function valueOptions(value: Value): string {
  switch (value.kind) {
    case 'none':
      return '';
    case 'words':
      return `-x -a ${quoted(value.words.join(' '))} `;
    case 'file':
      return '-r -F ';
    case 'folder':
      return `-x -a '(__fish_complete_directories)' `;
    case 'text':
      return '-x ';
  }
}

const quoted = (word: string): string => `'${word.replace(/[\\']/g, (character) => `\\${character}`)}'`;
