// The answer of an OpenAI-compatible chat server as far as a judge needs it. Knows the shape, not what it says.
import type { TokenCounts } from './cost.ts';
import type { Reply } from './read-reply.ts';

export interface Completion extends Reply {
  /** As the server counted; null where it did not. */
  readonly usage: TokenCounts | null;
}

type Fields = Readonly<Record<string, unknown>>;
const fieldsOf = (value: unknown): Fields =>
  typeof value === 'object' && value !== null ? (value as Fields) : {};
const textOf = (value: unknown): string | null => (typeof value === 'string' ? value : null);

/** Null where the value is no chat completion with a choice. Content may be a text, parts with texts, or null. */
export function readCompletion(value: unknown): Completion | null {
  const { choices, usage } = fieldsOf(value);
  const choice: unknown = Array.isArray(choices) ? choices[0] : undefined;
  const { message, finish_reason } = fieldsOf(choice);
  if (typeof message !== 'object' || message === null) return null;
  const { content, refusal } = fieldsOf(message);
  const text = contentOf(content);
  if (text === null) return null;
  const refused = textOf(refusal);
  return {
    text,
    finish: textOf(finish_reason),
    usage: usageOf(usage),
    ...(refused && { refusal: refused }),
  };
}

function contentOf(content: unknown): string | null {
  if (content === undefined || content === null) return '';
  if (typeof content === 'string') return content;
  if (!Array.isArray(content)) return null;
  return content.map((part: unknown) => textOf(part) ?? textOf(fieldsOf(part)['text']) ?? '').join('');
}

function usageOf(value: unknown): TokenCounts | null {
  const { prompt_tokens: input, completion_tokens: output } = fieldsOf(value);
  return isCount(input) && isCount(output) ? { input, output } : null;
}

const isCount = (value: unknown): value is number => Number.isSafeInteger(value) && (value as number) >= 0;

export interface ServerError {
  readonly words: string;
  readonly code: string;
}

/** A server's words in an error's body, whatever its shape; control characters taken out. Null where there are none. */
export function readServerError(body: string): ServerError | null {
  let value: unknown;
  try {
    value = JSON.parse(body);
  } catch {
    const text = clean(body.replace(/<(?:script|style)[^]*?<\/(?:script|style)>|<[^>]*>/gi, ' '));
    return text === '' ? null : { words: text, code: '' };
  }
  const outer = fieldsOf(value);
  const inner = fieldsOf(outer['error']);
  const words =
    textOf(inner['message']) ?? textOf(outer['error']) ?? textOf(outer['message']) ?? textOf(outer['detail']);
  const code = [inner['code'], inner['type'], outer['code'], outer['type']].filter(
    (item) => typeof item === 'string' || typeof item === 'number',
  );
  return { words: clean(words ?? body), code: code.join(' ') };
}

const clean = (text: string): string => {
  // eslint-disable-next-line no-control-regex
  const line = text.replace(/[\s\u0000-\u001f\u007f-\u009f]+/g, ' ').trim();
  return line.length > 300 ? `${line.slice(0, 300)}…` : line;
};
