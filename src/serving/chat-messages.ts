// The messages of a chat request as a prompt: by the model's chat template, or turned into instructions for a template
// that knows only those.
import { encodePieces } from '../tokens/index.ts';
import { roleNamed, roles } from '../rows/conversation.ts';
import type { Message } from '../rows/conversation.ts';
import type { PromptPieces, PromptTemplate, RenderChat, TemplateArgs } from '../tokens/index.ts';
import { badRequest, blaming } from './api-error.ts';
import { requireFitting, tokenizerFor } from './choices.ts';
import type { Fields } from '../rows/fields.ts';
import { booleanField, invalidType, invalidValue } from './fields.ts';
import { isFields } from '../rows/fields.ts';
import type { ServedModel } from './served-model.ts';

/** Templates are not told the `name` of who speaks. */
const messageFields: ReadonlySet<string> = new Set([
  ...['role', 'content', 'name', 'refusal', 'audio', 'tool_calls', 'function_call'],
]);

/** What follows the messages: the assistant's turn begins, nothing does, or the last message goes on. */
export type Opening = 'opened' | 'bare' | 'continued';

/** Tokens of the prompt that the messages of a request make. */
export function encodeMessages(
  model: ServedModel,
  messages: readonly Message[],
  { opening = 'opened', args = {}, signal = never }: MessageSettings = {},
): Promise<Int32Array> {
  const { template, renderChat } = model;
  return blaming('messages', () => {
    const pieces = renderChat
      ? [chatText(renderChat, messages, opening, args)]
      : instructionPieces(template, messages, opening);
    requireFitting(model, pieces, 'messages');
    return encodePieces(tokenizerFor(model, 'messages', signal, true), template, pieces);
  });
}

interface MessageSettings {
  readonly opening?: Opening;
  readonly args?: TemplateArgs;
  /** Aborted when the client is gone. */
  readonly signal?: AbortSignal;
}

const never = new AbortController().signal;

function chatText(
  render: RenderChat,
  messages: readonly Message[],
  opening: Opening,
  args: TemplateArgs,
): string {
  if (opening !== 'continued') return render(messages, { args, opened: opening === 'opened' });
  const { role, content } = messages.at(-1)!;
  // Where the message ends in the text is found by a mark behind it, as transformers finds it.
  const mark = '\u{2403}continue\u{2403} ';
  const marked = [...messages.slice(0, -1), { role, content: content + mark }];
  const text = render(marked, { args, opened: false });
  const end = text.lastIndexOf(mark.trim());
  if (end < 0 || !text.includes(content.trim()))
    throw badRequest(
      "The chat template changes the last message, so that it cannot be gone on with ('continue_final_message').",
      'continue_final_message',
    );
  const kept = text.slice(0, end);
  return text.startsWith(mark, end) ? kept : kept.trimEnd();
}

/** Fields `add_generation_prompt` (default true) and `continue_final_message` of vLLM. */
export function readOpening(fields: Fields): Opening {
  const opened = booleanField(fields, 'add_generation_prompt', true);
  if (!booleanField(fields, 'continue_final_message')) return opened ? 'opened' : 'bare';
  if ((fields['add_generation_prompt'] ?? false) !== true) return 'continued';
  throw badRequest(
    "'continue_final_message' and 'add_generation_prompt' cannot both be true.",
    'continue_final_message',
  );
}

/** Field `chat_template_kwargs` of vLLM: values for the variables of the model's chat template. */
export function readTemplateArgs(model: ServedModel, fields: Fields): TemplateArgs {
  const param = 'chat_template_kwargs';
  const value = fields[param] ?? null;
  if (value === null) return {};
  if (!isFields(value)) throw invalidType(param, 'an object', value);
  if (!isShallow(value, deepest)) throw invalidValue(param, `values that are nested at most ${deepest} deep`);
  if (model.renderChat === null && Object.keys(value).length > 0)
    throw badRequest(`Template "${model.template.name}" has no variables to set.`, param);
  return value;
}

const deepest = 32;

/** Whether lists and objects lie in one another at most `depth` times. */
function isShallow(value: unknown, depth: number): boolean {
  if (typeof value !== 'object' || value === null) return true;
  return depth > 0 && Object.values(value).every((each) => isShallow(each, depth - 1));
}

/** Field `messages`: texts only, by system (or developer), user and assistant. */
export function readMessages(fields: Fields): Message[] {
  const value = fields['messages'] ?? null;
  if (value === null)
    throw badRequest("Missing required parameter: 'messages'.", 'messages', 'missing_required_parameter');
  if (!Array.isArray(value)) throw invalidType('messages', 'an array of objects', value);
  if (value.length === 0)
    throw badRequest(
      "Invalid 'messages': empty array. Expected an array with minimum length 1, but got an empty array instead.",
      'messages',
      'empty_array',
    );
  return value.map((message: unknown, i) => readMessage(message, `messages[${i}]`));
}

function readMessage(message: unknown, where: string): Message {
  if (!isFields(message)) throw invalidType(where, 'an object', message);
  const given = message['role'] ?? null;
  if (typeof given !== 'string') throw invalidType(`${where}.role`, 'a string', given);
  const role = roleNamed(given);
  if (role === undefined)
    throw invalidValue(`${where}.role`, `one of ${Object.keys(roles).join(', ')}, since there are no tools`);
  for (const name of Object.keys(message))
    if (!messageFields.has(name)) {
      const param = `${where}.${name.slice(0, 100)}`;
      throw badRequest(`Unrecognized request argument supplied: ${param}`, param, 'unknown_parameter');
    }
  for (const name of ['refusal', 'audio'])
    if ((message[name] ?? '') !== '')
      throw badRequest('Messages are texts here.', `${where}.${name}`, 'unsupported_value');
  const calls = message['tool_calls'] ?? message['function_call'] ?? null;
  if (calls !== null && !(Array.isArray(calls) && calls.length === 0))
    throw badRequest('This server has no tools.', `${where}.tool_calls`, 'unsupported_value');
  return { role, content: readContent(message['content'] ?? null, `${where}.content`) };
}

function readContent(content: unknown, where: string): string {
  if (typeof content === 'string') return content;
  if (!Array.isArray(content)) throw invalidType(where, 'a string or an array of texts', content);
  return content
    .map((part: unknown, i) => {
      if (!isFields(part)) throw invalidType(`${where}[${i}]`, 'an object', part);
      if (part['type'] !== 'text')
        throw invalidValue(`${where}[${i}].type`, "'text', the only kind of content here");
      if (typeof part['text'] !== 'string')
        throw invalidType(`${where}[${i}].text`, 'a string', part['text']);
      return part['text'];
    })
    .join('\n');
}

/**
 * A conversation in a template of single instructions: each of the user's turns, with the system messages before it,
 * is an instruction; each answer follows its prompt, closed by the end token. The user has the last word, unless the
 * last answer is to be gone on with.
 */
export function instructionPieces(
  template: PromptTemplate,
  messages: readonly Message[],
  opening: Opening = 'opened',
): PromptPieces {
  if (opening === 'bare')
    throw badRequest(
      `With template "${template.name}" an answer always begins behind the messages.`,
      'add_generation_prompt',
    );
  const pieces: string[] = [];
  let asked: string[] = [];
  for (const [i, { role, content }] of messages.entries()) {
    if (role !== 'assistant') {
      asked.push(content);
      continue;
    }
    if (asked.length === 0) {
      const message = `Template "${template.name}" has no place for an answer that nothing was asked before.`;
      throw badRequest(message, `messages[${i}].role`);
    }
    pieces.push(template.render({ instruction: asked.join('\n\n') }, null) + content);
    asked = [];
  }
  const isContinued = messages.at(-1)?.role === 'assistant';
  if (opening === 'continued') {
    if (isContinued) return pieces;
    throw badRequest("'continue_final_message' goes on with a message of the assistant.", 'messages');
  }
  if (asked.length === 0)
    throw badRequest(
      `With template "${template.name}" the last message cannot be the assistant's.`,
      `messages[${messages.length - 1}].role`,
    );
  return [...pieces, template.render({ instruction: asked.join('\n\n') }, null)];
}
