// What a model behind a server is asked: for the next message of a chat, or for the log-probs of prompts. Knows the
// bodies, which are OpenAI's, and what answers may take.
import type { ChatCompletionCreateParamsNonStreaming } from 'openai/resources/chat/completions';
import type { CompletionCreateParamsNonStreaming } from 'openai/resources/completions';
import { readChatAnswer, readEchoes } from './answers.ts';
import type { ChatAnswer, ChatMessage, EchoedPrompt } from './answers.ts';
import type { ClientRequest } from './client.ts';
import { aboutTokens, promptTokens } from './cost.ts';

export type ChatBody = ChatCompletionCreateParamsNonStreaming;
export type CompletionBody = CompletionCreateParamsNonStreaming;

/** Bytes of a reply that are read in any case; a prompt that is echoed comes on top. */
const mostBytes = 4 << 20;

/** Asks for the next message. `mostOutput` is the most tokens that it may have. */
export function chatRequest(
  body: Omit<ChatBody, 'messages'> & { readonly messages: readonly ChatMessage[] },
  mostOutput: number,
): ClientRequest<ChatAnswer> {
  const texts = body.messages.map(({ content }) => content);
  const about = promptTokens(texts, 'about');
  return {
    path: '/chat/completions',
    body: JSON.stringify(body),
    mostBytes,
    about: about + mostOutput,
    most: { input: promptTokens(texts, 'most'), output: mostOutput },
    read: readChatAnswer,
    used: ({ usage, text }) => usage ?? { input: about, output: aboutTokens(text) },
  };
}

/** Each token's text and log-prob in the reply take less than this. */
const bytesAToken = 1 << 10;

/**
 * Asks for the log-probs of prompts of so many tokens together. The answers are in the order of the prompts, undefined
 * where the server left one out.
 */
export function echoRequest(
  body: Omit<CompletionBody, 'max_tokens' | 'temperature' | 'logprobs' | 'echo'>,
  tokens: number,
): ClientRequest<readonly (EchoedPrompt | undefined)[]> {
  const whole: CompletionBody = { ...body, max_tokens: 1, temperature: 0, logprobs: 1, echo: true };
  const prompts = Array.isArray(body.prompt) ? body.prompt.length : 1;
  const most = { input: tokens, output: prompts };
  return {
    path: '/completions',
    body: JSON.stringify(whole),
    mostBytes: mostBytes + tokens * bytesAToken,
    about: tokens + prompts,
    most,
    read: readEchoes,
    used: () => most,
  };
}
