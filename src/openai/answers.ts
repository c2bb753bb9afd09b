// What a model behind a server answered: chat completions, and prompts echoed with log-probs. Knows the shapes, which are
// OpenAI's, not what is said in them.
import type { ChatCompletion } from 'openai/resources/chat/completions';
import type { Completion, CompletionChoice, CompletionUsage } from 'openai/resources/completions';
import { isFields } from '../rows/fields.ts';
import type { TokenCounts } from './cost.ts';

/** A body as it came: every field may be missing, or be anything. */
type Unchecked<T> = { readonly [K in keyof T]?: unknown };
const fieldsOf = <T>(value: unknown): Unchecked<T> => (isFields(value) ? value : {});
const textOf = (value: unknown): string | null => (typeof value === 'string' ? value : null);

export interface ChatAnswer {
  readonly text: string;
  /** Why the model stopped, as servers say it: "stop", "length", "content_filter"; null where none was told. */
  readonly finish: string | null;
  /** The model's own notice that it will not answer. */
  readonly refusal?: string;
  /** Thoughts that the server tells beside the text: tokens that were written, and count. */
  readonly reasoning?: string;
  /** As the server counted; null where it did not, or told what cannot be. */
  readonly usage: TokenCounts | null;
}

export interface ChatMessage {
  readonly role: 'system' | 'user' | 'assistant';
  readonly content: string;
}

/** Null where the value is no chat completion with a choice. Content may be a text, parts with texts, or null. */
export function readChatAnswer(value: unknown): ChatAnswer | null {
  const { choices, usage } = fieldsOf<ChatCompletion>(value);
  const choice: unknown = Array.isArray(choices) ? choices[0] : undefined;
  const { message, finish_reason } = fieldsOf<ChatCompletion.Choice>(choice);
  if (!isFields(message)) return null;
  const { content, refusal } = fieldsOf<ChatCompletion.Choice['message']>(message);
  const reasoning = textOf(message['reasoning_content']) ?? textOf(message['reasoning']);
  const text = contentOf(content);
  if (text === null) return null;
  const refused = textOf(refusal);
  return {
    text,
    finish: textOf(finish_reason),
    usage: usageOf(usage, text + (refused ?? '') + (reasoning ?? '')),
    ...(refused && { refusal: refused }),
    ...(reasoning && { reasoning }),
  };
}

export interface TextAnswer {
  readonly text: string;
  /** As in `ChatAnswer`. */
  readonly finish: string | null;
  readonly usage: TokenCounts | null;
}

/** What follows a prompt; null where the value is no completion with a choice. */
export function readTextAnswer(value: unknown): TextAnswer | null {
  const { choices, usage } = fieldsOf<Completion>(value);
  const { text, finish_reason } = fieldsOf<CompletionChoice>(Array.isArray(choices) ? choices[0] : undefined);
  if (typeof text !== 'string') return null;
  return { text, finish: textOf(finish_reason), usage: usageOf(usage, text) };
}

function contentOf(content: unknown): string | null {
  if (content === undefined || content === null) return '';
  if (typeof content === 'string') return content;
  if (!Array.isArray(content)) return null;
  return content
    .map((part: unknown) => textOf(part) ?? textOf(fieldsOf<{ text: string }>(part).text) ?? '')
    .join('');
}

/** No call takes more: figures beyond this are no counts of tokens. */
const mostCounted = 1e7;

/** Some servers fill in 0, or anything: no prompt has 0 tokens, and no reply with words in it. */
function usageOf(value: unknown, written: string): TokenCounts | null {
  const { prompt_tokens: input, completion_tokens: output } = fieldsOf<CompletionUsage>(value);
  if (!isCount(input) || !isCount(output)) return null;
  const possible = input > 0 && (output > 0 || written === '') && Math.max(input, output) <= mostCounted;
  return possible ? { input, output } : null;
}

const isCount = (value: unknown): value is number => Number.isSafeInteger(value) && (value as number) >= 0;

/** Log-probs of a prompt's tokens, and of those generated behind it, as the server told them. */
export interface EchoedPrompt {
  /** `logprobs.token_logprobs`; null where the reply has none. */
  readonly logProbs: readonly unknown[] | null;
}

/** Null where the value is an error, or no object. A choice that says its index goes there. */
export function readEchoes(value: unknown): (EchoedPrompt | undefined)[] | null {
  if (!isFields(value) || value['error']) return null;
  const { choices } = fieldsOf<Completion>(value);
  const echoes: (EchoedPrompt | undefined)[] = [];
  for (const [i, choice] of (Array.isArray(choices) ? choices : []).entries()) {
    const { index, logprobs } = fieldsOf<CompletionChoice>(choice);
    const { token_logprobs: logProbs } = fieldsOf<CompletionChoice.Logprobs>(logprobs);
    echoes[isCount(index) ? index : i] = { logProbs: Array.isArray(logProbs) ? logProbs : null };
  }
  return echoes;
}
