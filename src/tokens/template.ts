// Finds the template that a user names: the Alpaca preset, the model's chat template, or a file's two strings.
// It does not know tokens.
import { LineCounter, isMap, isScalar, parseDocument } from 'yaml';
import { WhetstoneError } from '../errors.ts';
import { chatTemplate } from './chat-template.ts';
import type { PromptTemplate, PromptText } from './prompt.ts';
import { instructionWithInput } from './prompt.ts';
import { readText } from './tokenizer-config.ts';
import type { Tokenizer } from './tokenizer.ts';

/** The Stanford Alpaca prompt and its form with a judgment, as the released code of arXiv 2312.14591 has them. */
export const ALPACA: { readonly plain: string; readonly with_judgment: string } = {
  plain:
    'Below is an instruction that describes a task. Write a response that appropriately completes the ' +
    'request.\n\n### Instruction:\n{instruction}\n\n### Response:\n',
  with_judgment:
    'Below is an instruction that describes a task. Write a response to the instruction and the response ' +
    'should match the corresponding judgment.\n\n### Instruction:\n{instruction}\n\n### Judgment:\n' +
    '{judgment}\n\n### Response:\n',
};

/**
 * Resolves `spec`: `alpaca`, `chat` (the model's own chat template), or the path of a JSON or YAML file with
 * the strings `plain` and `with_judgment`, whose placeholders are {instruction}, {judgment} and {input}.
 *
 * Where a string has no {input}, {instruction} stands for the instruction and its input, joined by one
 * newline. `now` is the date that a chat template may write into the prompt (default: the present); a run that
 * is to be repeated exactly must pass the same one. Throws `NO_TEMPLATE` and `BAD_TEMPLATE` for files,
 * `NO_CHAT_TEMPLATE` and `BAD_CHAT_TEMPLATE` for chat templates.
 */
export async function loadTemplate(
  spec: string,
  tokenizer: Pick<Tokenizer, 'chatTemplate' | 'specialTokens'>,
  { now = new Date() }: { now?: Date } = {},
): Promise<PromptTemplate> {
  if (spec === 'alpaca') return stringTemplate('alpaca', ALPACA);
  if (spec === 'chat') return chatTemplate(tokenizer, now);
  const text = await readText(spec).catch((error: NodeJS.ErrnoException) => {
    throw noTemplate(spec, `cannot be read (${error.code ?? error.message})`, error);
  });
  if (text === null) throw noTemplate(spec, 'there is no such template file');
  return stringTemplate(spec, parseTemplateFile(text, spec));
}

/** A template from two strings with placeholders; see `loadTemplate`. */
export function stringTemplate(
  name: string,
  strings: { readonly plain: string; readonly with_judgment: string },
): PromptTemplate {
  return {
    name,
    specialTokens: 'tokenizer',
    render: (prompt, judgment) =>
      fill(judgment === null ? strings.plain : strings.with_judgment, prompt, judgment),
  };
}

const PLACEHOLDER = /\{([A-Za-z_]\w*)\}/g;

// One pass over the template: whatever the values hold, braces and dollar signs included, stays as it is.
function fill(template: string, prompt: PromptText, judgment: string | null): string {
  const values: Readonly<Record<string, string>> = {
    instruction: template.includes('{input}') ? prompt.instruction : instructionWithInput(prompt),
    input: prompt.input ?? '',
    judgment: judgment ?? '',
  };
  return template.replace(PLACEHOLDER, (whole, name: string) => values[name] ?? whole);
}

const REQUIRED = {
  plain: { must: ['instruction'], may: ['instruction', 'input'] },
  with_judgment: { must: ['instruction', 'judgment'], may: ['instruction', 'input', 'judgment'] },
} as const;

function parseTemplateFile(text: string, file: string): { plain: string; with_judgment: string } {
  const lines = new LineCounter();
  // JSON is read as YAML, which gives positions for both.
  const document = parseDocument(text, { lineCounter: lines, prettyErrors: false });
  const problems: { message: string; field?: string; offset: number }[] = document.errors.map((error) => ({
    message: error.message,
    offset: error.pos[0],
  }));
  const root = document.contents;
  const strings = { plain: '', with_judgment: '' };
  if (problems.length === 0 && !isMap(root)) {
    problems.push({ message: 'expected an object with the strings "plain" and "with_judgment"', offset: 0 });
  }
  for (const field of ['plain', 'with_judgment'] as const) {
    if (problems.some((problem) => problem.field === undefined) || !isMap(root)) break;
    const node = root.get(field, true);
    const offset = (isScalar(node) ? node.range : root.range)?.[0] ?? 0;
    const value: unknown = isScalar(node) ? node.value : undefined;
    if (typeof value !== 'string') {
      const found = root.has(field) ? 'something else' : 'nothing';
      problems.push({ message: `expected a string, found ${found}`, field, offset });
      continue;
    }
    strings[field] = value;
    const { must, may } = REQUIRED[field];
    const names = [...value.matchAll(PLACEHOLDER)].map((match) => match[1] ?? '');
    for (const name of must) {
      if (!names.includes(name)) problems.push({ message: `must contain {${name}}`, field, offset });
    }
    for (const name of new Set(names)) {
      if ((may as readonly string[]).includes(name)) continue;
      const known = may.map((word) => `{${word}}`).join(', ');
      problems.push({
        message: `does not know the placeholder {${name}}; it may use ${known}`,
        field,
        offset,
      });
    }
  }
  if (problems.length > 0) throw badTemplate(file, lines, problems);
  return strings;
}

function badTemplate(
  file: string,
  lines: LineCounter,
  problems: readonly { message: string; field?: string; offset: number }[],
): WhetstoneError {
  const at = (offset: number): { line: number; column: number } => {
    const { line, col } = lines.linePos(offset);
    return { line, column: col };
  };
  const [first, ...others] = problems.map(({ message, field, offset }) => ({
    message,
    field,
    ...at(offset),
  }));
  const rest = others.map(
    ({ message, field, line, column }) =>
      `\n  ${file}:${line}:${column}${field ? `, field "${field}"` : ''}: ${message}`,
  );
  return new WhetstoneError('BAD_TEMPLATE', `${first?.message ?? ''}${rest.join('')}`, {
    file,
    line: first?.line ?? 1,
    column: first?.column ?? 1,
    ...(first?.field ? { field: first.field } : {}),
    hint:
      'A template file holds two strings: "plain" with {instruction}, and "with_judgment" with {instruction} ' +
      'and {judgment}; both may use {input}.',
  });
}

function noTemplate(spec: string, message: string, cause?: unknown): WhetstoneError {
  return new WhetstoneError('NO_TEMPLATE', message, {
    file: spec,
    hint: 'A template is "alpaca", "chat" (the model\'s own) or the path of a JSON or YAML file.',
    cause,
  });
}
