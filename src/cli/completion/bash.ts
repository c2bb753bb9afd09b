// Completion for bash, from 3.2 on: one function, with the verbs as cases.
import type { CompletedVerb, Value } from './verbs.ts';

export function bashScript(verbs: readonly CompletedVerb[]): string {
  const groups = verbs.filter((verb) => verb.verbs.length > 0);
  const names = (some: readonly CompletedVerb[]): string => some.map(({ name }) => name).join(' ');
  const leaves = verbs.flatMap((verb) =>
    verb.verbs.length === 0
      ? [{ path: verb.name, verb }]
      : verb.verbs.map((each) => ({ path: `${verb.name} ${each.name}`, verb: each })),
  );
  const lines = [
    '# Completion of whetstone for bash, made by "whetstone completion bash".',
    '_whetstone() {',
    "  local cur prev word verb= value= i IFS=$' \\t\\n'",
    '  cur=${COMP_WORDS[COMP_CWORD]}',
    '  prev=${COMP_WORDS[COMP_CWORD-1]}',
    '  # bash takes --flag=value for three words.',
    '  if [[ $cur == = ]]; then cur=; elif [[ $prev == = ]]; then prev=${COMP_WORDS[COMP_CWORD-2]}; fi',
    '  for ((i = 1; i < COMP_CWORD; i++)); do',
    '    word=${COMP_WORDS[i]}',
    '    [[ $word == -* ]] && [[ -z $verb ]] && continue',
    '    case "$verb" in',
    `      '') verb=$word ;;`,
    ...groups.map(
      (group) =>
        `      ${group.name}) case "$word" in ${group.verbs.map(({ name }) => name).join('|')}) verb="${group.name} $word" ;; esac ;;`,
    ),
    '    esac',
    '  done',
    '  case "$verb:$prev" in',
    ...leaves.flatMap(({ path, verb }) =>
      verb.flags.flatMap(({ name, value }) => {
        const action = actionOf(value);
        return action === null ? [] : [`    '${path}:${name}') value=${action} ;;`];
      }),
    ),
    '  esac',
    '  if [[ -z $value ]] && [[ $cur == -* ]]; then',
    '    case "$verb" in',
    ...leaves.map(
      ({ path, verb }) => `      '${path}') value="words:${verb.flags.map(({ name }) => name).join(' ')}" ;;`,
    ),
    `      *) value='words:--help --version' ;;`,
    '    esac',
    '  elif [[ -z $value ]]; then',
    '    case "$verb" in',
    `      '') value='words:${names(verbs)} help' ;;`,
    ...groups.map((group) => `      '${group.name}') value='words:${names(group.verbs)}' ;;`),
    `      help) value='words:${names(verbs)}' ;;`,
    ...leaves.flatMap(({ path, verb: { positionals } }) =>
      positionals.length === 0 ? [] : [`      '${path}') value=${actionOf(positionals[0]!) ?? ''} ;;`],
    ),
    '    esac',
    '  fi',
    '  case "$value" in',
    '    words:*) COMPREPLY=($(compgen -W "${value#words:}" -- "$cur")) ;;',
    '    file) IFS=$\'\\n\'; compopt -o filenames 2>/dev/null; COMPREPLY=($(compgen -f -- "$cur")) ;;',
    '    folder) IFS=$\'\\n\'; compopt -o filenames 2>/dev/null; COMPREPLY=($(compgen -d -- "$cur")) ;;',
    '    *) COMPREPLY=() ;;',
    '  esac',
    '}',
    'complete -F _whetstone whetstone',
  ];
  return `${lines.join('\n')}\n`;
}

/** Null where what follows a flag is not its value. */
function actionOf(value: Value): string | null {
  switch (value.kind) {
    case 'none':
      return null;
    case 'words':
      return `'words:${value.words.join(' ')}'`;
    case 'text':
      return 'text';
    default:
      return value.kind;
  }
}
