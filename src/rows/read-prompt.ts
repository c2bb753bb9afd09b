// Reads what a response responds to, and the response, out of a row: instruction and input, perhaps with a system prompt
// and turns before them, or a list of messages. Knows fields, no layout.
import { refuseTurns, saysSomething } from './columns.ts';
import { instructionWithInput, roleNamed, roles } from './conversation.ts';
import type { Message, PromptFields } from './conversation.ts';
import { describe, isFields, optionalText, text } from './fields.ts';
import type { Fields, RowReader } from './fields.ts';
import { parseJson } from './json.ts';

/** Columns that a conversation is read from. */
export const TURN_COLUMNS: readonly string[] = ['messages', 'system', 'history'];

export interface Exchange extends PromptFields {
  readonly output: string;
}

/** Names of the column with the response. */
export interface ResponseColumns {
  /** In a row with `instruction`. */
  readonly output: string;
  /** In a row with `messages` that end with the user; the first is what is missed. */
  readonly response: readonly string[];
}

const responseColumns: ResponseColumns = { output: 'output', response: ['response', 'output'] };

/** Whether the row is a list of messages. */
export const hasMessages = (fields: Fields, reader: Pick<RowReader, 'textOnly'>): boolean =>
  'messages' in fields &&
  (saysSomething(fields['messages'], reader) || (!('instruction' in fields) && fields['messages'] != null));

/**
 * A prompt and its response: of `messages` the last one of the assistant is the response, unless a column has it; then
 * they end with the user. What does not fit is told to `reader`; what is returned after a problem means nothing.
 */
export function readExchange(
  fields: Fields,
  reader: RowReader,
  columns: ResponseColumns = responseColumns,
): Exchange {
  if (!hasMessages(fields, reader)) {
    const prompt = readInstruction(fields, reader);
    return { ...prompt, output: text(fields, columns.output, reader) ?? '' };
  }
  const messages = readMessages(fields, reader);
  if (messages === null) return nothing;
  const given = columns.response.filter((name) => saysSomething(fields[name], reader) || fields[name] === '');
  const last = messages.at(-1)!;
  const [name, ...others] = reader.textOnly ? given.filter((each) => fields[each] !== '') : given;
  if (others.length > 0)
    reader.problem(others[0]!, `one response, and "${name}" is one`, describe(fields[others[0]!]));
  if (last.role === 'assistant') {
    if (name !== undefined)
      reader.problem(name, 'none, since the last message is the response already', describe(fields[name]));
    return { ...promptOfMessages(messages.slice(0, -1), fields, reader), output: last.content };
  }
  const [wanted = 'response'] = columns.response;
  if (name === undefined)
    reader.problem(
      `messages[${messages.length - 1}].role`,
      `the assistant's response at the end, or a field "${wanted}"`,
      `the role ${last.role}`,
    );
  return {
    ...promptOfMessages(messages, fields, reader),
    output: name === undefined ? '' : (text(fields, name, reader) ?? ''),
  };
}

/** A prompt alone; `messages` end with the user. */
export function readPrompt(fields: Fields, reader: RowReader): PromptFields {
  if (!hasMessages(fields, reader)) return readInstruction(fields, reader);
  const messages = readMessages(fields, reader);
  if (messages === null) return nothing;
  const last = messages.length - 1;
  if (messages[last]!.role === 'assistant')
    reader.problem(`messages[${last}].role`, 'a message of the user at the end', 'the role assistant');
  return promptOfMessages(messages, fields, reader);
}

const nothing: Exchange = { instruction: '', output: '' };

function readInstruction(fields: Fields, reader: RowReader): PromptFields {
  refuseTurns(fields, reader, TURN_COLUMNS);
  const instruction = text(fields, 'instruction', reader) ?? '';
  const input = optionalText(fields, 'input', reader);
  const system = optionalText(fields, 'system', reader);
  const before: Message[] = [
    ...(system !== undefined && saysSomething(system, reader)
      ? [{ role: 'system', content: system } as const]
      : []),
    ...readHistory(fields, reader),
  ];
  const prompt = { instruction, ...(input !== undefined && { input }) };
  // The last turn of a conversation is one text, as all others are.
  return before.length === 0 ? prompt : { instruction: instructionWithInput(prompt), before };
}

/** Pairs of what the user said and what was answered. */
function readHistory(fields: Fields, reader: RowReader): Message[] {
  const value = listIn(fields, 'history', reader) ?? [];
  if (value.length === 0 && saysSomething(fields['history'], reader))
    reader.problem('history', 'a list of pairs', describe(fields['history']));
  return value.flatMap((pair, i): Message[] => {
    if (Array.isArray(pair) && pair.length === 2 && pair.every((each) => typeof each === 'string')) {
      const [asked, answered] = pair as [string, string];
      return [
        { role: 'user', content: asked },
        { role: 'assistant', content: answered },
      ];
    }
    reader.problem(`history[${i}]`, 'a pair of texts, what the user said and the answer', describe(pair));
    return [];
  });
}

/** A list, or the JSON of one where a table has it; null for anything else. */
export function listIn(fields: Fields, name: string, { textOnly }: Pick<RowReader, 'textOnly'>): List | null {
  const given = fields[name];
  const value = textOnly && typeof given === 'string' ? parsed(given) : given;
  return Array.isArray(value) ? (value as List) : null;
}

type List = readonly unknown[];

function parsed(text: string): unknown {
  try {
    return parseJson(text);
  } catch {
    return text;
  }
}

/** Null after a problem with any of them. */
function readMessages(fields: Fields, reader: RowReader): Message[] | null {
  refuseTurns(fields, reader, TURN_COLUMNS);
  for (const name of ['system', 'history'])
    if (saysSomething(fields[name], reader))
      reader.problem(
        name,
        'none beside "messages", which have the whole conversation',
        describe(fields[name]),
      );
  const list = listIn(fields, 'messages', reader);
  if (list === null) {
    reader.problem('messages', 'a list of messages', describe(fields['messages']));
    return null;
  }
  return readConversation(list, 'messages', reader);
}

/** Reads one item of a list of messages; null after a problem. `path` is the item's. */
export type ReadMessage = (item: Fields, path: string, reader: RowReader) => Message | null;

/**
 * The messages of a list: a system message first, if there is any, then user and assistant in turn. Null after a problem.
 */
export function readConversation(
  list: readonly unknown[],
  name: string,
  reader: RowReader,
  read: ReadMessage = readMessage,
): Message[] | null {
  if (list.length === 0) {
    reader.problem(name, 'at least one message', 'an empty list');
    return null;
  }
  const messages = list.map((item, i): Message | null => {
    const path = `${name}[${i}]`;
    if (isFields(item)) return read(item, path, reader);
    reader.problem(path, 'an object', describe(item));
    return null;
  });
  if (!messages.every((message) => message !== null)) return null;
  const spoken = list.some((item) => isFields(item) && 'from' in item) ? 'from' : 'role';
  return inTurn(messages, { name, role: spoken }, reader) ? messages : null;
}

const readMessage: ReadMessage = (item, path, reader) => {
  const role = typeof item['role'] === 'string' ? roleNamed(item['role']) : undefined;
  if (role === undefined) reader.problem(`${path}.role`, aRole, describe(item['role']));
  const calls = item['tool_calls'] ?? item['function_call'];
  if (saysSomething(calls, reader))
    reader.problem(`${path}.tool_calls`, 'none, since calls of tools are not read', describe(calls));
  const { content } = item;
  if (typeof content !== 'string')
    reader.problem(
      `${path}.content`,
      Array.isArray(content) ? 'a string, since parts such as images are not read' : 'a string',
      describe(content),
    );
  return role === undefined || typeof content !== 'string' ? null : { role, content };
};

const aRole = `one of ${Object.keys(roles).join(', ')}, since tools are not read`;

/** Notes the first message that is out of turn. */
function inTurn(
  messages: readonly Message[],
  { name, role: spoken }: { readonly name: string; readonly role: string },
  reader: RowReader,
): boolean {
  const first = messages[0]!.role === 'system' ? 1 : 0;
  if (messages.length === first) {
    reader.problem(name, 'a message of the user', 'a system message alone');
    return false;
  }
  for (const [i, { role }] of messages.entries()) {
    if (i < first) continue;
    const wanted = (i - first) % 2 === 0 ? 'user' : 'assistant';
    if (role === wanted) continue;
    const found =
      role === 'system'
        ? 'a system message, which has its place at the beginning'
        : i === first
          ? `the role ${role} first`
          : `two messages of the ${role} in a row`;
    reader.problem(`${name}[${i}].${spoken}`, `the role ${wanted}`, found);
    return false;
  }
  return true;
}

/** Messages that end with the user as instruction and what was said before; a column `instruction` may repeat the last. */
function promptOfMessages(messages: readonly Message[], fields: Fields, reader: RowReader): PromptFields {
  const instruction = messages.at(-1)?.content ?? '';
  const given = optionalText(fields, 'instruction', reader);
  const input = optionalText(fields, 'input', reader);
  const repeated = given === undefined ? input : instructionWithInput({ instruction: given, input });
  if (repeated && repeated !== instruction)
    reader.problem(
      given ? 'instruction' : 'input',
      'none beside "messages", or what the user says last in them',
      describe(repeated),
    );
  return promptOfTurns(messages);
}

/** Messages that end with the user as instruction and what was said before it. */
export function promptOfTurns(messages: readonly Message[]): PromptFields {
  const before = messages.slice(0, -1);
  return { instruction: messages.at(-1)?.content ?? '', ...(before.length > 0 && { before }) };
}
