// What a model behind a server is asked: for the next message of a chat, for what
// follows a prompt, or for the log-probs of prompts. Knows the
// bodies, which are OpenAI's, and what answers may take.
import type { ChatCompletionCreateParamsNonStreaming } from 'openai/resources/chat/completions';
import type { CompletionCreateParamsNonStreaming } from 'openai/resources/completions';
import { readChatAnswer, readEchoes, readTextAnswer } from './answers.ts';
import type { ChatAnswer, ChatMessage, EchoedPrompt, TextAnswer } from './answers.ts';
import type { ClientRequest } from './client.ts';
import { aboutTokens, mostCharacters, promptTokens } from './cost.ts';
import { note } from '../words/note.ts';
import { beginning } from '../rows/text.ts';

export type ChatBody = ChatCompletionCreateParamsNonStreaming;
export type CompletionBody = CompletionCreateParamsNonStreaming;

/** Bytes of a reply that are read in any case; a prompt that is echoed comes on top. */
const mostBytes = 4 << 20;

/**
 * Asks for the next message. `mostOutput` is the most tokens that it may have; of a longer one the beginning is taken,
 * as one that was cut at the limit.
 */
export function chatRequest(
  body: Omit<ChatBody, 'messages'> & { readonly messages: readonly ChatMessage[] },
  mostOutput: number,
): ClientRequest<BoundedAnswer> {
  const texts = body.messages.map(({ content }) => content);
  const about = promptTokens(texts, 'about');
  return {
    path: '/chat/completions',
    body: JSON.stringify(body),
    mostBytes,
    about: about + mostOutput,
    most: { input: promptTokens(texts, 'most'), output: mostOutput },
    read: (value) => withinLength(readChatAnswer(value), mostOutput),
    used: ({ usage, text, reasoning = '' }) =>
      usage ?? { input: about, output: aboutTokens(text) + aboutTokens(reasoning) },
    kept: (raw, answer) =>
      JSON.stringify(raw).length <= 2 * mostCharacters(mostOutput) ? raw : bodyOf(answer),
    remarks: ({ usage, cut }) => [
      ...(usage === null
        ? [
            note(
              'USAGE_ESTIMATED',
              'the tokens of a call, and its price, are estimated: the server does not tell them',
            ),
          ]
        : []),
      ...(cut
        ? [note('REPLY_CUT', `replies are longer than the ${mostOutput} tokens asked for, and are cut`)]
        : []),
    ],
  };
}

/** An answer that may have lost its end. */
type BoundedAnswer = ChatAnswer & { readonly cut?: true };

function withinLength(answer: ChatAnswer | null, tokens: number): BoundedAnswer | null {
  const most = mostCharacters(tokens);
  if (answer === null) return null;
  const { text, refusal, ...rest } = answer;
  const refused = refusal === undefined ? {} : { refusal: beginning(refusal, most) };
  if (text.length <= most) return { ...rest, ...refused, text };
  return { ...rest, ...refused, text: beginning(text, most), finish: 'length', cut: true };
}

/** A body that is read as the answer is. */
const bodyOf = ({ text: content, refusal, finish, usage }: ChatAnswer): object => ({
  choices: [{ message: { role: 'assistant', content, ...(refusal && { refusal }) }, finish_reason: finish }],
  ...(usage && { usage: { prompt_tokens: usage.input, completion_tokens: usage.output } }),
});

/** Asks for what follows a prompt of token ids, in at most so many tokens. */
export function completionRequest(
  body: Omit<CompletionBody, 'prompt' | 'max_tokens'> & { readonly prompt: number[] },
  mostOutput: number,
): ClientRequest<TextAnswer> {
  const input = body.prompt.length;
  return {
    path: '/completions',
    body: JSON.stringify({ ...body, max_tokens: mostOutput }),
    mostBytes,
    about: input + mostOutput,
    most: { input, output: mostOutput },
    read: readTextAnswer,
    used: ({ usage, text }) => usage ?? { input, output: aboutTokens(text) },
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
