// From what a judge wrote to a judgment, or to the reason why it is none. Knows no servers and makes nothing up.
import { isPraise } from '../../judgments/triplet.ts';
import { bareText, isPlaceholder, repetition } from '../../judgments/wording.ts';
import { brokenText } from '../answers.ts';
import type { Judged, Unscored } from '../judge.ts';
import type { ChatAnswer, ChatMessage } from '../../openai/answers.ts';
import type { RowTexts } from './prompt.ts';
import { beginning } from '../../rows/text.ts';
import { suspicionOf } from '../suspicion.ts';

/** Raised whenever the same reply may be read otherwise than before. */
export const parserVersion = 2;

/** What a judge's answer is read from. */
export type Reply = Omit<ChatAnswer, 'usage'>;

export type Reading = Pick<Judged, 'suspicious'> &
  (
    | { readonly judgment: string | null }
    | Pick<Unscored, 'unscored' | 'settled'>
    | { readonly unreadable: string }
  );

/**
 * Reads a reply: thoughts, code fences, quotes and a label such as "Judgment:" are taken away; a reply cut at the
 * limit of tokens keeps its whole sentences. Unreadable are empty replies, refusals, placeholders, and those that
 * repeat the prompt or the response.
 */
export function readReply(reply: Reply, row: RowTexts, messages: readonly ChatMessage[]): Reading {
  const spoken = spokenIn(reply);
  if ('unreadable' in spoken) return spoken;
  const cut = reply.finish === 'length';
  const bare = unwrap(spoken.text);
  if (bare === null) return { unreadable: 'the reply is wrapped in fences or quotes too often' };
  const object = jsonObject(bare);
  if (object) {
    return object['judgment'] === null
      ? { judgment: null }
      : { unreadable: `the reply is JSON without a judgment: ${excerpt(bare)}` };
  }
  const judgment = cut ? wholeSentences(bare) : bare;
  if (judgment === '')
    return { unreadable: cut ? 'the reply was cut before its first sentence ended' : 'the reply is empty' };
  if (/\p{Surrogate}/u.test(judgment)) return { unreadable: brokenText };
  if (isPlaceholder(judgment)) return { unreadable: `the reply is a placeholder: ${excerpt(judgment)}` };
  if (REFUSAL.test(judgment)) return { unreadable: `the judge refuses: ${excerpt(judgment)}` };
  if (repeats(judgment, row, messages))
    return { unreadable: `the reply repeats the prompt: ${excerpt(judgment)}` };
  const suspicious = suspicionOf(judgment);
  return { judgment, ...(suspicious && { suspicious }) };
}

/** What a reply says once its thoughts are over, or why it says nothing. */
export function spokenIn(reply: Reply): { readonly text: string } | { readonly unreadable: string } {
  if (reply.refusal) return { unreadable: `the judge refuses: ${excerpt(reply.refusal)}` };
  if (reply.finish === 'content_filter')
    return { unreadable: "the server's content filter stopped the reply" };
  const text = withoutThoughts(reply.text);
  return text === null ? { unreadable: 'the reply ended before its thoughts did' } : { text };
}

/** Models that think aloud do so between tags, before they answer; null where the thoughts have no end. */
export function withoutThoughts(text: string): string | null {
  const end = /^[^]*<\/think(?:ing)?>/i.exec(text);
  if (end) return text.slice(end[0].length).trim();
  return /^\s*<think(?:ing)?>/i.test(text) ? null : text.trim();
}

const LABEL =
  /^(?:#{1,6}\s*)?(?:[*_]{1,2})?(?:(?:my|your|the|final)\s+)?(?:judg(?:e)?ment|critique|criticism|feedback|verdict|evaluation|assessment)(?:[*_]{1,2})?\s*(?::(?:[*_]{1,2})?|\n)\s*/i;
const QUOTES = ['""', "''", '“”', '‘’', '«»', '``', '„“'] as const;

const mostLayers = 8;

/** Layer by layer, until nothing is left to take away; null where there are more layers than anyone means. */
function unwrap(text: string): string | null {
  let rest = text.trim();
  for (let layer = 0; layer <= mostLayers; layer++) {
    const before = rest;
    rest = withoutFence(rest);
    rest = rest.replace(LABEL, '').trim();
    rest = fromJson(rest) ?? rest;
    rest = withoutPair(rest, '**', '**');
    for (const [open, close] of QUOTES.map((pair) => [pair.slice(0, 1), pair.slice(1)] as const)) {
      rest = withoutPair(rest, open, close);
    }
    if (rest === before) return rest;
  }
  return null;
}

/** Only a fence around the whole, which ends as it begins. */
export function withoutFence(text: string): string {
  const [fence] = /^(?:`{3,}|~{3,})/.exec(text) ?? [];
  if (fence === undefined) return text;
  const start = text.indexOf('\n') + 1;
  const end = text.length - fence.length;
  const named = start > 0 && /^[\w-]*$/.test(text.slice(fence.length, start - 1));
  return named && start <= end && text.endsWith(fence) ? text.slice(start, end).trim() : text;
}

/** Only a pair around the whole: `"a" is wrong, "b" is right` has two. */
function withoutPair(text: string, open: string, close: string): string {
  if (text.length < open.length + close.length || !text.startsWith(open) || !text.endsWith(close))
    return text;
  const inside = text.slice(open.length, -close.length);
  return inside.includes(open) || inside.includes(close) ? text : inside.trim();
}

/** Some judges answer { "judgment": "..." } whatever they were asked for. */
function fromJson(text: string): string | null {
  const { judgment, judgement, critique, feedback } = jsonObject(text) ?? {};
  const found = judgment ?? judgement ?? critique ?? feedback;
  return typeof found === 'string' ? found.trim() : null;
}

function jsonObject(text: string): Readonly<Record<string, unknown>> | null {
  if (!text.startsWith('{') || !text.endsWith('}')) return null;
  try {
    return JSON.parse(text) as Record<string, unknown>;
  } catch {
    return null;
  }
}

const wholeSentences = (text: string): string =>
  /^[^]*[.!?。！？](?=["'”’)\]]*\s|$)["'”’)\]]*/u.exec(text)?.[0].trim() ?? '';

// "I can't find the answer" is criticism; "I can't answer" is none.
const REFUSAL = new RegExp(
  String.raw`^(?:(?:i['’]?m|i am)?\s*(?:very |so )?sorry|i apologi[sz]e|apologies|unfortunately)?[,.;:—-]*\s*(?:but\s+)?(?:as an ai(?: language)?(?: model| assistant)?,?\s+i\b` +
    String.raw`|i\s*(?:can(?:not|['’]t)|(?:am|['’]m) (?:not able|unable) to|won['’]t|will not)\s+(?:\w+ly\s+)?(?:be able to\s+)?(?:assist|help(?! but)|judge|evaluate|rate|provide|comply|answer|respond|continue|fulfil+|critique|comment|discuss|engage)\b)`,
  'i',
);

/** Whether a reply is the row's or the prompt's own text rather than words about it. */
function repeats(judgment: string, row: RowTexts, messages: readonly ChatMessage[]): boolean {
  const bare = bareText(judgment);
  if (bare !== '' && !isPraise(judgment)) {
    if ([row.output, row.instruction, row.input ?? ''].some((text) => bareText(text) === bare)) return true;
  }
  const prompt = messages.map(({ content }) => content).join('\n');
  return judgment.trim() === prompt.trim() || repetition(judgment, prompt, 0.9) > 0;
}

export const excerpt = (text: string, length = 80): string => {
  const line = text
    .slice(0, 8 * length)
    .replace(/\s+/g, ' ')
    .trim();
  return JSON.stringify(line.length > length ? `${beginning(line, length)}…` : line);
};
