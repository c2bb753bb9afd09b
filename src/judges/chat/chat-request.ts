// What a chat server is sent for a judge: where to, and the body. Sends nothing.
import { createHash } from 'node:crypto';
import { WhetstoneError } from '../../errors.ts';
import { baseUrl, servedName } from '../../openai/address.ts';
import type { ServedModel } from '../../openai/address.ts';
import type { ClientRequest } from '../../openai/client.ts';
import { chatRequest } from '../../openai/requests.ts';
import type { ChatAnswer, ChatMessage } from '../../openai/answers.ts';
import type { ChatBody } from '../../openai/requests.ts';
import type { JudgePrompt } from './prompt.ts';
import type { JudgeSettings } from '../settings.ts';

export interface ChatRequests {
  /** "gpt-4o at api.openai.com". */
  readonly name: string;
  /** Where they go; ends before "/chat/completions". */
  readonly url: string;
  /** Equal messages give equal bytes. */
  request(this: void, messages: readonly ChatMessage[]): ClientRequest<ChatAnswer>;
}

/** One whole reply to one row is what the rest is built on. */
const fixedFields: readonly (keyof ChatBody)[] = ['model', 'messages', 'stream', 'n'];

/** `openai:` goes where OPENAI_BASE_URL says, as with OpenAI's own clients. Throws `INVALID_OPTION`. */
export function chatRequests(
  served: ServedModel,
  { temperature, maxTokens, extraBody, budget, env }: JudgeSettings,
): ChatRequests {
  const fixed = fixedFields.filter((name) => name in extraBody);
  if (fixed.length > 0) {
    throw new WhetstoneError('INVALID_OPTION', `the request's ${fixed.join(' and ')} cannot be set`, {
      hint: 'Every other field of the body can.',
    });
  }
  const url = baseUrl(served, env);
  // OpenAI's newer models know only the second name; other servers often only the first.
  const limit: keyof ChatBody = served.url === null ? 'max_completion_tokens' : 'max_tokens';
  const given: Record<string, unknown> = {
    ...(temperature !== null && { temperature }),
    [limit]: maxTokens,
    ...extraBody,
  };
  const fields: Partial<Omit<ChatBody, 'model' | 'messages'>> = Object.fromEntries(
    Object.entries(given).filter(([, value]) => value !== null),
  );
  const limits = [fields.max_completion_tokens, fields.max_tokens].filter((n) => typeof n === 'number');
  if (budget !== null && limits.length === 0) {
    throw new WhetstoneError('INVALID_OPTION', 'a budget needs a limit of tokens for each reply', {
      hint: 'Keep max_tokens or max_completion_tokens in the body.',
    });
  }
  const mostOutput = limits.length > 0 ? Math.max(...limits) : maxTokens;
  return {
    name: servedName(served.model, url),
    url,
    request: (messages) => chatRequest({ model: served.model, messages, ...fields }, mostOutput),
  };
}

/** Equal where the same model is asked in the same words, wherever it is: a server may come back on another port. */
export const chatFingerprint = ({ request }: ChatRequests, prompt: Pick<JudgePrompt, 'text'>): string =>
  createHash('sha256')
    .update(`${request([]).body}\n${prompt.text}`)
    .digest('hex');
