// Completion for zsh: a function whose words _arguments and _describe complete.
import type { CompletedVerb, Value } from './verbs.ts';

export function zshScript(verbs: readonly CompletedVerb[]): string {
  const lines = [
    '#compdef whetstone',
    '# Completion of whetstone for zsh, made by "whetstone completion zsh".',
    ...verbs.flatMap((verb) => functionOf('_whetstone', verb)),
    ...choosing('_whetstone', [...verbs, help]),
    'if [[ $funcstack[1] == _whetstone ]]; then _whetstone "$@"; else compdef _whetstone whetstone; fi',
  ];
  return `${lines.join('\n')}\n`;
}

const help: CompletedVerb = {
  name: 'help',
  summary: 'show the help of a verb',
  verbs: [],
  flags: [],
  positionals: [],
};

/** The functions of a verb and of its own verbs. */
function functionOf(prefix: string, verb: CompletedVerb): string[] {
  const name = `${prefix}_${verb.name.replaceAll('-', '_')}`;
  if (verb.verbs.length > 0)
    return [...verb.verbs.flatMap((each) => functionOf(name, each)), ...choosing(name, verb.verbs)];
  const specs = [
    ...verb.flags.map(({ name, help, value }) => {
      const action = actionOf(value);
      return quoted(action === null ? `${name}[${escaped(help)}]` : `${name}=[${escaped(help)}]${action}`);
    }),
    ...verb.positionals.map((value, i) => quoted(`${i + 1}${actionOf(value) ?? ':value:'}`)),
  ];
  return [
    `${name}() {`,
    `  _arguments -S ${[...specs, `'(- *)'{-h,--help}'[show this help]'`].join(' \\\n    ')}`,
    '}',
  ];
}

/** A function that completes one of the verbs, and then what the chosen one takes. */
const choosing = (name: string, verbs: readonly CompletedVerb[]): string[] => [
  `${name}() {`,
  '  local context state state_descr line',
  '  typeset -A opt_args',
  `  _arguments -C '(- *)'{-h,--help}'[show this help]' ':verb:->verb' '*::argument:->rest'`,
  '  case $state in',
  '    verb)',
  '      local -a verbs',
  `      verbs=(${verbs.map((verb) => quoted(`${verb.name}:${verb.summary}`)).join(' ')})`,
  `      _describe verb verbs ;;`,
  '    rest)',
  '      case $line[1] in',
  ...verbs
    .filter((verb) => verb.flags.length > 0 || verb.verbs.length > 0)
    .map((verb) => `        ${verb.name}) ${name}_${verb.name.replaceAll('-', '_')} ;;`),
  '      esac ;;',
  '  esac',
  '}',
];

/** ":what it is:how it is completed"; null where a flag has no value. */
function actionOf(value: Value): string | null {
  switch (value.kind) {
    case 'none':
      return null;
    case 'words':
      return `:value:(${value.words.join(' ')})`;
    case 'file':
      return ':file:_files';
    case 'folder':
      return ':folder:_path_files -/';
    case 'text':
      return `:${escaped(value.placeholder)}: `;
  }
}

/** What brackets and colons of a specification's texts have to be. */
const escaped = (text: string): string => text.replace(/[[\]:\\]/g, (character) => `\\${character}`);

const quoted = (word: string): string => `'${word.replaceAll("'", "'\\''")}'`;
