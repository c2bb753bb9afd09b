// Chats as they were recorded or published, without judgments: from files to conversations, and from those to responses
// whose judgment is what the user said next. Knows the spellings of messages, no judge.
import { checkOptions } from '../options/check.ts';
import { messagesOf, promptKey } from '../rows/conversation.ts';
import type { Message, PromptFields, Role } from '../rows/conversation.ts';
import { describe, optionalId } from '../rows/fields.ts';
import type { Fields, RowId, RowReader } from '../rows/fields.ts';
import { maybeMeant } from '../rows/names.ts';
import { fieldsOf, invalidRows, readerOf } from '../rows/problems.ts';
import type { Findings, RowProblem } from '../rows/problems.ts';
import { listIn, promptOfTurns, readConversation, readExchange } from '../rows/read-prompt.ts';
import type { ReadMessage } from '../rows/read-prompt.ts';
import { openRows } from '../rows/rows.ts';
import { readEntry } from './options.ts';
import type { ReadOptions } from './read.ts';
import type { Triplet, TripletSource } from './triplet.ts';

/** A conversation that ends with a response, perhaps followed by what the user said to it. */
export interface Chat {
  /** A system message if there is one, then user and assistant in turn. */
  readonly messages: readonly Message[];
  readonly id?: RowId;
  readonly source: TripletSource;
}

export interface ChatFile {
  readonly file: string;
  readonly format: string;
  readonly layout: ChatLayout;
  readonly rows: number;
  readonly chats: readonly Chat[];
  readonly problems: readonly RowProblem[];
}

/** `sharegpt`: `conversations` of { from, value }; `messages`: OpenAI's, or recorded ones; `history`: of the Alpaca kind. */
export type ChatLayout = 'sharegpt' | 'messages' | 'history';

/** Who speaks, as ShareGPT and its kin call them. */
const speakers: Readonly<Record<string, Role>> = {
  system: 'system',
  human: 'user',
  user: 'user',
  gpt: 'assistant',
  chatgpt: 'assistant',
  assistant: 'assistant',
  model: 'assistant',
  bot: 'assistant',
};

const columnsOf = { sharegpt: ['conversations', 'conversation'] } as const;

/** Whether rows with these columns are chats without judgments. */
export function chatLayoutOf(columns: ReadonlySet<string>): ChatLayout | null {
  if ([...columns].some((name) => maybeMeant(name, 'judgment'))) return null;
  if (columnsOf.sharegpt.some((name) => columns.has(name))) return 'sharegpt';
  if (columns.has('messages')) return 'messages';
  const asked = columns.has('instruction') && columns.has('output');
  return asked && ['history', 'system'].some((name) => columns.has(name)) ? 'history' : null;
}

/**
 * Reads chats from a file in any format that `openRows` reads. Null where its rows are none, by the columns of the first.
 * Throws WhetstoneError as `readTriplets` does.
 */
export async function readChats(path: string, options: ReadOptions = {}): Promise<ChatFile | null> {
  checkOptions(readEntry, options);
  const file = await openRows(path, options.format ?? undefined, options.onRead);
  const findings: Findings = { problems: [], skipped: {} };
  const chats: Chat[] = [];
  let rows = 0;
  let layout: ChatLayout | null = null;
  for await (const row of file.rows) {
    rows++;
    const reader = readerOf(row, file, findings);
    const fields = fieldsOf(row, reader);
    if (fields === null) continue;
    layout ??= chatLayoutOf(new Set(Object.keys(fields)));
    if (layout === null) return null;
    const before = findings.problems.length;
    const messages = readChat(fields, layout, reader);
    const id = optionalId(fields, 'id', reader);
    if (messages === null || findings.problems.length > before) continue;
    chats.push({ messages, ...(id !== undefined && { id }), source: row.source });
  }
  const { problems } = findings;
  if (layout === null) {
    if (problems.length > 0) throw invalidRows(problems, rows);
    return null;
  }
  if (problems.length > 0 && options.onProblem !== 'collect') throw invalidRows(problems, rows);
  return { file: path, format: file.format, layout, rows, chats, problems };
}

/** Null after a problem. */
function readChat(fields: Fields, layout: ChatLayout, reader: RowReader): readonly Message[] | null {
  if (layout === 'sharegpt') {
    const name = columnsOf.sharegpt.find((each) => each in fields) ?? columnsOf.sharegpt[0];
    const list = listIn(fields, name, reader);
    if (list === null) {
      reader.problem(name, 'a list of messages', describe(fields[name]));
      return null;
    }
    const said = readConversation(list, name, reader, readSpoken);
    const system = fields['system'];
    const first = typeof system === 'string' && system.trim() !== '' ? system : null;
    if (said === null || first === null || said[0]!.role === 'system') return said;
    return [{ role: 'system', content: first }, ...said];
  }
  // Messages of a chat may end with the user; a response then stands in a field of its own, or the user had the last word.
  const list = layout === 'messages' ? listIn(fields, 'messages', reader) : null;
  if (list !== null && fields['response'] === undefined && fields['output'] === undefined)
    return readConversation(list, 'messages', reader);
  const { output, ...prompt } = readExchange(fields, reader);
  return [...messagesOf(prompt), { role: 'assistant', content: output }];
}

const readSpoken: ReadMessage = (item, path, reader) => {
  const [who, what] = 'from' in item ? (['from', 'value'] as const) : (['role', 'content'] as const);
  const speaker = item[who];
  const known = typeof speaker === 'string' && Object.hasOwn(speakers, speaker.toLowerCase());
  const role = known ? speakers[speaker.toLowerCase()] : undefined;
  if (role === undefined)
    reader.problem(`${path}.${who}`, `one of ${Object.keys(speakers).join(', ')}`, describe(speaker));
  const content = item[what];
  if (typeof content !== 'string') reader.problem(`${path}.${what}`, 'a string', describe(content));
  return role === undefined || typeof content !== 'string' ? null : { role, content };
};

/** Chats as rows that `whetstone judge` reads: the last response with what stands before it, and no judgment. */
export function unjudgedRows(chats: readonly Chat[]): ConvertedChats<object> {
  const found: object[] = [];
  let unanswered = 0;
  for (const { messages, id } of chats) {
    const last = messages.findLastIndex(({ role }) => role === 'assistant');
    if (last < 0) unanswered++;
    else found.push({ ...(id !== undefined && { id }), messages: messages.slice(0, last + 1) });
  }
  return { found, skipped: counted({ 'chats without a response': unanswered }) };
}

export interface ConvertedChats<T> {
  readonly found: readonly T[];
  /** What was left out, counted by reason. */
  readonly skipped: Readonly<Record<string, number>>;
}

/**
 * Each response with the user's next message as its judgment. A recording holds a growing conversation again and again;
 * what came before is taken once. Responses that nobody answered, or answered with white space, are counted.
 */
export function nextMessages(chats: readonly Chat[]): ConvertedChats<Triplet> {
  const found: Triplet[] = [];
  const seen = new Set<string>();
  let silent = 0;
  let again = 0;
  for (const { messages, id, source } of chats) {
    for (const [i, { role, content }] of messages.entries()) {
      if (role !== 'assistant') continue;
      const next = messages[i + 1];
      if (next === undefined || next.content.trim() === '') {
        silent++;
        continue;
      }
      const prompt: PromptFields = promptOfTurns(messages.slice(0, i));
      const key = JSON.stringify([...promptKey(prompt), content, next.content]);
      if (seen.has(key)) {
        again++;
        continue;
      }
      seen.add(key);
      const part =
        messages.filter((each) => each.role === 'assistant').length > 1 ? `messages[${i}]` : undefined;
      found.push({
        ...(id !== undefined && { id }),
        ...prompt,
        output: content,
        judgment: next.content,
        source: { ...source, ...(part !== undefined && { part }) },
      });
    }
  }
  return {
    found,
    skipped: counted({
      'responses that no message followed': silent,
      'responses that a longer recording of the same conversation has again': again,
    }),
  };
}

const counted = (counts: Readonly<Record<string, number>>): Readonly<Record<string, number>> =>
  Object.fromEntries(Object.entries(counts).filter(([, count]) => count > 0));
