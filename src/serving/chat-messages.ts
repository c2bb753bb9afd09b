// The messages of a chat request as a prompt: by the model's chat template, or turned into instructions for a template
// that knows only those.
import { encodePieces } from '../tokens/index.ts';
import type { ChatMessage, PromptPieces, PromptTemplate, TemplateArgs } from '../tokens/index.ts';
import { badRequest, blaming } from './api-error.ts';
import type { Fields } from '../rows/fields.ts';
import { invalidType, invalidValue } from './fields.ts';
import { isFields } from '../rows/fields.ts';
import type { ServedModel } from './served-model.ts';

const roles: Readonly<Record<string, string>> = {
  system: 'system',
  developer: 'system',
  user: 'user',
  assistant: 'assistant',
};

/** Tokens of the prompt that the messages of a request make. */
export function encodeMessages(
  model: ServedModel,
  messages: readonly ChatMessage[],
  args: TemplateArgs = {},
): Promise<Int32Array> {
  const { tokenizer, template, renderChat } = model;
  return blaming('messages', () =>
    encodePieces(
      tokenizer,
      template,
      renderChat ? [renderChat(messages, { args })] : instructionPieces(template, messages),
    ),
  );
}

/** Field `chat_template_kwargs` of vLLM: values for the variables of the model's chat template. */
export function readTemplateArgs(model: ServedModel, fields: Fields): TemplateArgs {
  const param = 'chat_template_kwargs';
  const value = fields[param] ?? null;
  if (value === null) return {};
  if (!isFields(value)) throw invalidType(param, 'an object', value);
  if (model.renderChat === null && Object.keys(value).length > 0)
    throw badRequest(`Template "${model.template.name}" has no variables to set.`, param);
  return value;
}

/** Field `messages`: texts only, by system (or developer), user and assistant. */
export function readMessages(fields: Fields): ChatMessage[] {
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

function readMessage(message: unknown, where: string): ChatMessage {
  if (!isFields(message)) throw invalidType(where, 'an object', message);
  const given = message['role'] ?? null;
  if (typeof given !== 'string') throw invalidType(`${where}.role`, 'a string', given);
  const role = Object.hasOwn(roles, given) ? roles[given] : undefined;
  if (role === undefined)
    throw invalidValue(`${where}.role`, `one of ${Object.keys(roles).join(', ')}, since there are no tools`);
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
 * is an instruction; each answer follows its prompt, closed by the end token. The user has the last word.
 */
export function instructionPieces(template: PromptTemplate, messages: readonly ChatMessage[]): PromptPieces {
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
  if (asked.length === 0)
    throw badRequest(
      `With template "${template.name}" the last message cannot be the assistant's.`,
      `messages[${messages.length - 1}].role`,
    );
  return [...pieces, template.render({ instruction: asked.join('\n\n') }, null)];
}
