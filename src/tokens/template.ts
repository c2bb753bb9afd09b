// Finds the template that a user names: the Alpaca preset, the model's chat template, or a file's strings.
// It does not know tokens.
import { basename } from 'node:path';
import { isMap, isScalar } from 'yaml';
import type { YAMLMap } from 'yaml';
import { WhetstoneError, problemsError } from '../errors.ts';
import type { Problem } from '../errors.ts';
import { suggestion } from '../options/suggest.ts';
import { parseYaml } from '../options/yaml.ts';
import type { YamlText } from '../options/yaml.ts';
import { halfCharacterAt } from '../rows/text.ts';
import { chatTemplate } from './chat-template.ts';
import type { ChatTokenizer, TemplateArgs } from './chat-template.ts';
import type { PromptPieces, PromptTemplate } from './prompt.ts';
import { PRAISE, forewarnedRequest, requirePlace } from './prompt.ts';
import { instructionWithInput } from '../rows/conversation.ts';
import type { PromptText } from '../rows/conversation.ts';
import type { TemplateRecord, TemplateStrings } from './template-record.ts';
import { readText } from './tokenizer-config.ts';
import { option } from '../words/option.ts';
import { isSystemError, reasonOf } from '../words/system-errors.ts';
import { bareTurn } from './turn.ts';

/**
 * The Stanford Alpaca prompt and its form with a judgment, as the released code of arXiv 2312.14591 has them;
 * `critique` and `revision` are our own words in the same layout.
 */
export const ALPACA: TemplateStrings & { readonly critique: string; readonly revision: string } = {
  plain:
    'Below is an instruction that describes a task. Write a response that appropriately completes the ' +
    'request.\n\n### Instruction:\n{instruction}\n\n### Response:\n',
  with_judgment:
    'Below is an instruction that describes a task. Write a response to the instruction and the response ' +
    'should match the corresponding judgment.\n\n### Instruction:\n{instruction}\n\n### Judgment:\n' +
    '{judgment}\n\n### Response:\n',
  critique:
    'Below is an instruction that describes a task, and a response to it. Write a judgment that says what is ' +
    'wrong with the response, if anything is.\n\n### Instruction:\n{instruction}\n\n### Response:\n' +
    '{output}\n\n### Judgment:\n',
  revision:
    'Below is an instruction that describes a task, a response to it, and a judgment of that response. Write a ' +
    'better response that the judgment would find no fault with.\n\n### Instruction:\n{instruction}\n\n' +
    '### Response:\n{output}\n\n### Judgment:\n{judgment}\n\n### Better response:\n',
};

export interface TemplateSettings {
  /** What a chat template may write as the date; default the present. */
  readonly now?: Date | undefined;
  /** Values for the variables of a chat template. */
  readonly args?: TemplateArgs | undefined;
}

/**
 * Resolves `spec`: `alpaca`, `chat` (the model's own chat template), or the path of a JSON or YAML file with
 * the strings of `TemplateStrings`, of which `plain` and `with_judgment` have to be there.
 *
 * Where a string has no {input}, {instruction} stands for the instruction and its input, joined by one
 * newline. {output} stands for a response and the end token that closes it. `now` is the date that a chat template may
 * write into the prompt (default: the present); a run that is to be repeated exactly must pass the same one. Throws
 * `NO_TEMPLATE` and `BAD_TEMPLATE` for files, `NO_CHAT_TEMPLATE` and `BAD_CHAT_TEMPLATE` for chat templates.
 */
export async function loadTemplate(
  spec: string,
  tokenizer: ChatTokenizer,
  { now = new Date(), args = {} }: TemplateSettings = {},
): Promise<PromptTemplate> {
  if (spec === 'chat') return chatTemplate(tokenizer, now, args);
  if (Object.keys(args).length > 0) throw notVariable(spec);
  if (spec === 'alpaca') return stringTemplate('alpaca', ALPACA);
  const text = await readText(spec).catch((error: unknown) => {
    if (!isSystemError(error)) throw error;
    throw noTemplate(spec, `cannot be read (${reasonOf(error)})`, error);
  });
  if (text === null) throw noTemplate(spec, 'there is no such template file');
  return stringTemplate(spec, parseTemplateFile(text, spec));
}

/** The template that an adapter was trained with; `args` add to or replace the variables that it was given. */
export async function recordedTemplate(
  { template, template_args: recorded = {}, strings }: TemplateRecord,
  tokenizer: ChatTokenizer,
  { args = {}, now }: TemplateSettings = {},
): Promise<PromptTemplate> {
  if (strings === undefined)
    return loadTemplate(template, tokenizer, { now, args: { ...recorded, ...args } });
  if (Object.keys(args).length > 0) throw notVariable(template);
  return stringTemplate(template, strings);
}

/** A template from strings with placeholders, for single instructions; see `loadTemplate`. */
export function stringTemplate(name: string, strings: TemplateStrings): PromptTemplate {
  const need = (field: 'critique' | 'revision'): string => {
    const text = strings[field];
    if (text !== undefined) return text;
    throw new WhetstoneError('TEMPLATE_LACKS', `the template has no string "${field}", which this needs`, {
      file: name,
      field,
      hint: `Add one, for instance ${JSON.stringify(EXAMPLES[field])}, or use the ${option('template')} alpaca or chat.`,
    });
  };
  const one = (prompt: PromptText): PromptText => {
    requirePlace({ name, conversations: false }, prompt);
    return prompt;
  };
  return {
    name,
    conversations: false,
    record: strings === ALPACA ? { template: name } : { template: basename(name), strings },
    specialTokens: 'tokenizer',
    praise: strings.praise ?? PRAISE,
    render: (prompt, judgment) =>
      fill(judgment === null ? strings.plain : strings.with_judgment, one(prompt), judgment),
    renderForewarned: (prompt, said) => {
      const { with_next_message: own, plain } = strings;
      if (own !== undefined) return fill(own, one(prompt), said);
      return fill(plain, { instruction: forewarnedRequest(instructionWithInput(one(prompt)), said) }, null);
    },
    turn: bareTurn,
    renderCritique: (prompt, output) => fillPieces(need('critique'), one(prompt), output, null),
    renderRevision: (prompt, output, judgment) => fillPieces(need('revision'), one(prompt), output, judgment),
  };
}

const EXAMPLES = {
  critique: '{instruction}\n{output}\nJudgment: ',
  revision: '{instruction}\n{output}\nJudgment: {judgment}\nBetter: ',
} as const;

const PLACEHOLDER = /\{([A-Za-z_]\w*)\}/g;
const OUTPUT = '{output}';

// One pass over the template: whatever the values hold, braces and dollar signs included, stays as it is.
function fill(
  template: string,
  prompt: PromptText,
  judgment: string | null,
  placesInput: boolean = template.includes('{input}'),
): string {
  const values: Readonly<Record<string, string>> = {
    instruction: placesInput ? prompt.instruction : instructionWithInput(prompt),
    input: prompt.input ?? '',
    judgment: judgment ?? '',
  };
  return template.replace(PLACEHOLDER, (whole, name: string) => values[name] ?? whole);
}

/** The end token closes every response, so a new piece begins behind each. */
function fillPieces(
  template: string,
  prompt: PromptText,
  output: string,
  judgment: string | null,
): PromptPieces {
  const parts = template.split(OUTPUT);
  const placesInput = template.includes('{input}');
  return parts.map(
    (part, i) => fill(part, prompt, judgment, placesInput) + (i < parts.length - 1 ? output : ''),
  );
}

const RULES: Readonly<
  Record<keyof TemplateStrings, { must: readonly string[]; may: readonly string[]; optional?: true }>
> = {
  plain: { must: ['instruction'], may: ['instruction', 'input'] },
  with_judgment: { must: ['instruction', 'judgment'], may: ['instruction', 'input', 'judgment'] },
  critique: { must: ['instruction', 'output'], may: ['instruction', 'input', 'output'], optional: true },
  revision: {
    must: ['instruction', 'output', 'judgment'],
    may: ['instruction', 'input', 'output', 'judgment'],
    optional: true,
  },
  with_next_message: {
    must: ['instruction', 'judgment'],
    may: ['instruction', 'input', 'judgment'],
    optional: true,
  },
  praise: { must: [], may: [], optional: true },
};

function parseTemplateFile(text: string, file: string): TemplateStrings {
  // JSON is read as YAML, which gives positions for both.
  const { root, faults, placeOf } = parseYaml(text, { file, code: 'BAD_TEMPLATE' });
  const problems: { message: string; field?: string; offset: number }[] = [...faults];
  const strings: { -readonly [K in keyof TemplateStrings]: string } = { plain: '', with_judgment: '' };
  if (problems.length === 0 && !isMap(root)) {
    problems.push({ message: 'expected an object with the strings "plain" and "with_judgment"', offset: 0 });
  }
  const fields = Object.keys(RULES) as (keyof TemplateStrings)[];
  if (problems.length === 0 && isMap(root)) problems.push(...unknownKeys(root, fields));
  for (const field of fields) {
    if (problems.some((problem) => problem.field === undefined) || !isMap(root)) break;
    const { must, may, optional } = RULES[field];
    if (optional && !root.has(field)) continue;
    const node = root.get(field, true);
    const offset = (isScalar(node) ? node.range : root.range)?.[0] ?? 0;
    const value: unknown = isScalar(node) ? node.value : undefined;
    if (typeof value !== 'string') {
      const found = root.has(field) ? 'something else' : 'nothing';
      problems.push({ message: `expected a string, found ${found}`, field, offset });
      continue;
    }
    strings[field] = value;
    const half = halfCharacterAt(value);
    if (half >= 0)
      problems.push({
        message: `character ${half + 1} is half of a surrogate pair, which is not Unicode text`,
        field,
        offset,
      });
    if (field === 'praise' && value.trim() === '')
      problems.push({ message: 'expected words of praise, found none', field, offset });
    const names = [...value.matchAll(PLACEHOLDER)].map((match) => match[1] ?? '');
    for (const name of must) {
      if (!names.includes(name)) problems.push({ message: `must contain {${name}}`, field, offset });
    }
    for (const name of new Set(names)) {
      if (may.includes(name)) continue;
      const known = may.map((word) => `{${word}}`).join(', ') || 'none';
      problems.push({
        message: `does not know the placeholder {${name}}; it may use ${known}`,
        field,
        offset,
      });
    }
  }
  if (problems.length > 0) throw badTemplate(placeOf, problems);
  return strings;
}

/** A key with a slip in it would otherwise be a string that is not there. */
function unknownKeys(
  root: YAMLMap,
  fields: readonly string[],
): { message: string; field: string; offset: number }[] {
  return root.items.flatMap(({ key }) => {
    const field = String(isScalar(key) ? key.value : key);
    if (fields.includes(field)) return [];
    const offset = (isScalar(key) ? key.range : root.range)?.[0] ?? 0;
    return [{ message: `unknown key${suggestion(field, fields)}`, field, offset }];
  });
}

function badTemplate(
  placeOf: YamlText['placeOf'],
  problems: readonly { message: string; field?: string; offset: number }[],
): WhetstoneError {
  const found = problems.map(({ message, field, offset }): Problem => ({
    ...placeOf(offset),
    ...(field !== undefined && { field }),
    problem: message,
  }));
  return problemsError('BAD_TEMPLATE', 'the template cannot be used', found, {
    hint:
      'A template file holds the strings "plain" with {instruction} and "with_judgment" with {instruction} and ' +
      '{judgment}; for some methods "critique" with {instruction} and {output}, and "revision" with these and ' +
      '{judgment}; and perhaps "with_next_message" with {instruction} and {judgment}, and "praise". All but "praise" may use {input}.',
  });
}

function notVariable(spec: string): WhetstoneError {
  return new WhetstoneError('INVALID_OPTIONS', `the template "${spec}" has no variables to set`, {
    field: 'template_args',
    hint: `Only chat templates have variables: use the ${option('template')} chat, or leave ${option('templateArgs')} out.`,
  });
}

function noTemplate(spec: string, message: string, cause?: unknown): WhetstoneError {
  return new WhetstoneError('NO_TEMPLATE', message, {
    file: spec,
    hint: 'A template is "alpaca", "chat" (the model\'s own) or the path of a JSON or YAML file.',
    cause,
  });
}
