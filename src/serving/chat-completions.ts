// POST /v1/chat/completions. Knows the fields and replies of that endpoint.
import { randomUUID } from 'node:crypto';
import type { TextPiece } from '../generation/index.ts';
import { badRequest } from './api-error.ts';
import { encodeMessages, readMessages } from './chat-messages.ts';
import { finishReason, generateChoices, responseRoom } from './choices.ts';
import type { Endpoint, Usage } from './endpoint.ts';
import { sum, usageBody } from './endpoint.ts';
import type { Fields } from './fields.ts';
import { booleanField, numberField } from './fields.ts';
import { readGenerationFields } from './generation-fields.ts';
import { chatLogProbs } from './log-probs.ts';

export const chatCompletions: Endpoint = async ({ model, fields: given, maxNewTokens, signal }) => {
  const messages = readMessages(given);
  const fields = readGenerationFields(given);
  const topLogProbs = readLogProbs(given);
  const asked = readMaxTokens(given);
  const prompt = await encodeMessages(model, messages);
  const room = responseRoom(model, prompt.length, asked, { most: maxNewTokens }, 'messages');
  const common = {
    id: `chatcmpl-${randomUUID().replaceAll('-', '')}`,
    object: fields.stream ? 'chat.completion.chunk' : 'chat.completion',
    created: Math.floor(Date.now() / 1000),
    model: model.id,
    system_fingerprint: model.fingerprint,
  };
  const settings = {
    ...{ fields, topLogProbs, signal, continues: false },
    maxNewTokens: [room],
  };
  const logProbsOf = async (tokens: TextPiece['tokens']): Promise<object | null> =>
    topLogProbs === null ? null : { content: await chatLogProbs(tokens, model.textOf), refusal: null };
  const usageOf = (choices: readonly { readonly ids: Int32Array }[]): Usage => ({
    promptTokens: prompt.length,
    completionTokens: sum(choices.map(({ ids }) => ids.length)),
  });

  if (!fields.stream) {
    const tokens = Array.from({ length: fields.n }, (): TextPiece['tokens'][number][] => []);
    const onText = (index: number, piece: TextPiece): void => void tokens[index]!.push(...piece.tokens);
    const choices = await generateChoices(model, [prompt], {
      ...settings,
      ...(topLogProbs !== null && { onText }),
    });
    const usage = usageOf(choices);
    const body = {
      ...common,
      choices: await Promise.all(
        choices.map(async (choice, index) => ({
          index,
          message: { role: 'assistant', content: choice.text, refusal: null },
          logprobs: await logProbsOf(tokens[index]!),
          finish_reason: finishReason(choice),
        })),
      ),
      usage: usageBody(usage),
    };
    return { kind: 'body', body, usage };
  }

  return {
    kind: 'stream',
    run: async (send) => {
      const chunk = (choices: readonly object[], usage: object | null): void =>
        send({
          ...common,
          choices,
          ...(fields.includeUsage && { usage }),
        });
      const part = (index: number, delta: object, logprobs: object | null, reason: string | null): void =>
        chunk([{ index, delta, logprobs, finish_reason: reason }], null);
      for (let index = 0; index < fields.n; index++)
        part(index, { role: 'assistant', content: '', refusal: null }, null, null);
      const choices = await generateChoices(model, [prompt], {
        ...settings,
        onText: async (index, { text, tokens }) =>
          part(index, { content: text }, await logProbsOf(tokens), null),
        onEnd: (index, choice) => part(index, {}, null, finishReason(choice)),
      });
      const usage = usageOf(choices);
      if (fields.includeUsage) chunk([], usageBody(usage));
      return usage;
    },
  };
};

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
