// Templates for what a chat model is asked: texts of a row in marked places. Knows no particular question.
import { readTextFile } from '../../decode.ts';
import { WhetstoneError } from '../../errors.ts';
import type { ChatMessage } from '../../openai/answers.ts';
import { conversationText, isConversation } from '../../rows/conversation.ts';
import type { PromptFields } from '../../rows/conversation.ts';
import { isSystemError } from '../../words/system-errors.ts';

/** What is asked of a row. */
export interface ChatPrompt<Row> {
  /** A preset's name with its version, or "file". */
  readonly name: string;
  /** The template itself; texts that are equal ask the same. */
  readonly text: string;
  messages(row: Row): ChatMessage[];
  /** The same question once more, for a judge whose reply could not be read. */
  reminded(row: Row): ChatMessage[];
}

export interface Template {
  readonly system?: string;
  readonly user: string;
}

/** What templates of one kind of question have in common. */
export interface TemplateKind<Field extends string> {
  /** Texts of a row, {so} in a template, beside {instruction} and {input}. */
  readonly fields: readonly Field[];
  /** Names of the tags that its presets put around texts. */
  readonly tags: readonly string[];
  /** How a reply has to look, for a judge that has not kept to it. */
  readonly reminder: string;
  readonly presets: Readonly<Record<string, string>>;
  readonly presetVersion: number;
}

export type TemplateRow<Field extends string> = Readonly<Record<Field, string>> & PromptFields;

/**
 * A preset by name, or a file: {instruction} (of a conversation all messages, with who said each), {input} and the kind's
 * fields are replaced by the row's texts; a paragraph
 * with {input} is left out where a row has none, and a template without it gets the input behind the instruction. A file
 * that ends in .json holds { "system": ..., "user": ... }; any other is the user's message.
 *
 * Throws WhetstoneError `FILE_NOT_FOUND` and `BAD_PROMPT`.
 */
export async function loadTemplatePrompt<Field extends string>(
  nameOrFile: string,
  kind: TemplateKind<Field>,
): Promise<ChatPrompt<TemplateRow<Field>>> {
  const { presets, presetVersion } = kind;
  const preset = Object.hasOwn(presets, nameOrFile) ? presets[nameOrFile] : undefined;
  if (preset !== undefined) return createPrompt(`${nameOrFile}/${presetVersion}`, { user: preset }, kind);
  const text = await readTextFile(nameOrFile).catch((cause: unknown) => {
    if (!isSystemError(cause)) throw cause;
    throw new WhetstoneError('FILE_NOT_FOUND', 'expected a preset or a file with a prompt', {
      file: nameOrFile,
      cause,
      hint: `The presets are ${Object.keys(presets).join(' and ')}.`,
    });
  });
  const template = /\.json$/i.test(nameOrFile) ? parseTemplate(text, nameOrFile) : { user: text.trim() };
  const joined = `${template.system ?? ''}\n${template.user}`;
  const needed = ['instruction', ...kind.fields].map((name) => `{${name}}`);
  const missing = needed.filter((name) => !joined.includes(name));
  if (missing.length > 0) {
    throw new WhetstoneError('BAD_PROMPT', `expected ${missing.join(' and ')} in the prompt, found none`, {
      file: nameOrFile,
      hint: `Write {instruction}, {input}${kind.fields.length > 1 ? ', ' : ' and '}${needed.slice(1).join(' and ')} where the texts of a row belong.`,
    });
  }
  return createPrompt('file', template, kind);
}

function parseTemplate(text: string, file: string): Template {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (cause) {
    throw new WhetstoneError('BAD_PROMPT', `not JSON: ${(cause as Error).message}`, { file, cause });
  }
  const { system, user } = (value ?? {}) as { system?: unknown; user?: unknown };
  if (typeof user === 'string' && (system === undefined || typeof system === 'string')) {
    return { user, ...(system !== undefined && { system }) };
  }
  throw new WhetstoneError(
    'BAD_PROMPT',
    'expected { "system": text, "user": text }; "system" may be absent',
    {
      file,
    },
  );
}

function createPrompt<Field extends string>(
  name: string,
  { system, user }: Template,
  kind: TemplateKind<Field>,
): ChatPrompt<TemplateRow<Field>> {
  const { reminder } = kind;
  const placesInput = `${system ?? ''}${user}`.includes('{input}');
  const messages = (row: TemplateRow<Field>): ChatMessage[] => {
    const { instruction, input } = row;
    const asked = isConversation(row) ? askedIn(row) : instruction;
    const texts = { ...row, instruction: placesInput || !input ? asked : `${asked}\n\n${input}` };
    return [
      ...(system === undefined ? [] : [{ role: 'system', content: fill(system, texts, kind) } as const]),
      { role: 'user', content: fill(user, texts, kind) },
    ];
  };
  return {
    name,
    text: JSON.stringify({ ...(system !== undefined && { system }), user, reminder }),
    messages,
    reminded: (row) =>
      messages(row).map((message) =>
        message.role === 'user' ? { ...message, content: `${message.content}\n\n${reminder}` } : message,
      ),
  };
}

const askedIn = (row: PromptFields): string =>
  `The last message of the user in this conversation:\n\n${conversationText(row)}`;

/** In one pass, so that a row's text that looks like a placeholder stays as it is. */
function fill<Field extends string>(
  template: string,
  row: TemplateRow<Field>,
  { fields, tags }: TemplateKind<Field>,
): string {
  const { instruction, input } = row;
  const shown = input ? template : withoutInput(template);
  const names = ['instruction', 'input', ...fields];
  const texts = `${instruction}${input ?? ''}${fields.map((field) => row[field]).join('')}`;
  const tagged = shown.replace(
    new RegExp(`<(/?)(${tags.join('|')})>`, 'g'),
    (_, slash: string, tag: string) => `<${slash}${freeTag(tag, texts)}>`,
  );
  return tagged.replace(
    new RegExp(`\\{(${names.join('|')})\\}`, 'g'),
    (_, name: Field | 'instruction' | 'input') => (name === 'input' ? (input ?? '') : row[name]),
  );
}

/** A heading stands in a paragraph with the text below it; tags too. */
const withoutInput = (template: string): string =>
  template
    .split(/\n{2,}/)
    .filter((paragraph) => !paragraph.includes('{input}'))
    .join('\n\n');

/** A text that holds the closing tag itself could pass for what follows it. */
function freeTag(tag: string, texts: string): string {
  const taken = new Set(
    Array.from(texts.matchAll(new RegExp(`</(${tag}(?:-\\d+)?)>`, 'g')), ([, name]) => name),
  );
  for (let n = 1; ; n++) {
    const name = n === 1 ? tag : `${tag}-${n}`;
    if (!taken.has(name)) return name;
  }
}
