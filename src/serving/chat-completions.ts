// POST /v1/chat/completions. Knows the fields and replies of that endpoint.
import type { TextPiece } from '../generation/index.ts';
import { badRequest } from './api-error.ts';
import type { Message } from '../rows/conversation.ts';
import { encodeMessages, readMessages, readOpening, readTemplateArgs } from './chat-messages.ts';
import type { Opening } from './chat-messages.ts';
import { finishReason, requireRoomForLeast, responseRoom } from './choices.ts';
import { completionReply } from './completion-reply.ts';
import type { ChoiceFormat, ReplyNames } from './completion-reply.ts';
import type { Endpoint } from './endpoint.ts';
import { booleanField, numberField } from './fields.ts';
import type { Fields } from '../rows/fields.ts';
import { readGenerationFields } from './generation-fields.ts';
import { chatLogProbs } from './log-probs.ts';
import { chatFields, requireKnownFields } from './request-fields.ts';
import type { Exchange } from './recording.ts';
import type { ServedModel } from './served-model.ts';

const names: ReplyNames = { id: 'chatcmpl', body: 'chat.completion', chunk: 'chat.completion.chunk' };

export const chatCompletions: Endpoint = async ({
  model,
  fields: given,
  maxNewTokens,
  signal,
  record,
  onEncoded,
}) => {
  requireKnownFields(given, chatFields);
  const fields = readGenerationFields(given, model);
  const opening = readOpening(given);
  const messages = readMessages(given);
  const topLogProbs = readLogProbs(given);
  const asked = readMaxTokens(given);
  const args = readTemplateArgs(model, given);
  const prompt = await encodeMessages(model, messages, { opening, args, signal });
  onEncoded();
  const room = responseRoom(model, prompt.length, asked, { most: maxNewTokens }, 'messages');
  requireRoomForLeast(fields.sampling.minTokens ?? 0, room);
  return completionReply({ model, signal }, names, {
    prompts: [prompt],
    fields,
    maxNewTokens: [room],
    topLogProbs,
    // What goes on in the middle of a text may begin with a space.
    continues: opening === 'continued',
    onChoices: (choices, id) => {
      const { id: name, version } = model;
      for (const [i, choice] of choices.entries()) {
        const exchange = exchangeOf(messages, opening, choice.text);
        if (exchange)
          record({ id, choice: i, model: name, version, ...exchange, finish: finishReason(choice) });
      }
    },
    openFormat: () => Promise.resolve(chatFormat(model, fields.n, topLogProbs)),
  });
};

/** What was said and answered; null where the answer is no message of its own. */
function exchangeOf(
  messages: readonly Message[],
  opening: Opening,
  text: string,
): Pick<Exchange, 'messages' | 'response'> | null {
  if (opening === 'opened') return { messages, response: text };
  if (opening === 'bare') return null;
  return { messages: messages.slice(0, -1), response: messages.at(-1)!.content + text };
}

function chatFormat(model: ServedModel, count: number, topLogProbs: number | null): ChoiceFormat {
  const logProbsOf = async (tokens: TextPiece['tokens']): Promise<object | null> =>
    topLogProbs === null ? null : { content: await chatLogProbs(tokens, model.textOf), refusal: null };
  const part = (index: number, delta: object, logprobs: object | null, reason: string | null): object => ({
    index,
    delta,
    logprobs,
    finish_reason: reason,
  });
  return {
    whole: async (index, choice, pieces) => ({
      index,
      message: { role: 'assistant', content: choice.text, refusal: null },
      logprobs: await logProbsOf(pieces.flatMap(({ tokens }) => tokens)),
      finish_reason: finishReason(choice),
    }),
    opening: () =>
      Promise.resolve(
        Array.from({ length: count }, (_, index) =>
          part(index, { role: 'assistant', content: '', refusal: null }, null, null),
        ),
      ),
    part: async (index, { text, tokens }) => part(index, { content: text }, await logProbsOf(tokens), null),
    end: (index, choice) => part(index, {}, null, finishReason(choice)),
  };
}

/** How many likeliest tokens to tell of; null: no log-probs. */
function readLogProbs(fields: Fields): number | null {
  const wanted = booleanField(fields, 'logprobs');
  const top = numberField(fields, 'top_logprobs', { min: 0, max: 20, integer: true });
  if (wanted) return top ?? 0;
  if (top === null) return null;
  throw badRequest("'top_logprobs' needs 'logprobs' to be true.", 'top_logprobs');
}

function readMaxTokens(fields: Fields): { tokens: number | null; field: string } {
  const [newer, older] = ['max_completion_tokens', 'max_tokens'] as const;
  const range = { min: 1, integer: true };
  const tokens = { [newer]: numberField(fields, newer, range), [older]: numberField(fields, older, range) };
  if (tokens[newer] !== null && tokens[older] !== null)
    throw badRequest(`Setting '${older}' and '${newer}' at the same time is not supported.`, older);
  return tokens[newer] !== null
    ? { tokens: tokens[newer], field: newer }
    : { tokens: tokens[older], field: older };
}
