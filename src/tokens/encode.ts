// One triplet as token sequences: prompt and response tokenized together, the response's tokens identified.
// It does not know the method that trains on them, nor files of rows.
import type { Sequence } from '../engine/engine.ts';
import { WhetstoneError } from '../errors.ts';
import type { ErrorLocation } from '../errors.ts';
import type { PromptTemplate, PromptText } from './prompt.ts';
import type { Encoding, Tokenizer } from './tokenizer.ts';
import type { Span } from './unicode.ts';
import { codePointLength, requireUnicode } from './unicode.ts';

/** A judged response as text; `judgment` is null where the response (`output`) is satisfactory. */
export interface TripletText extends PromptText {
  readonly output: string;
  readonly judgment: string | null;
}

/**
 * Why a response was tokenized on its own: a token reached over the prompt's end, or the two prompts would
 * have given the response different tokens. Null where it was tokenized together with its prompt.
 */
export type Retokenized = 'straddle' | 'contexts-differ' | null;

export interface EncodedTriplet {
  readonly plain: Sequence;
  /** The same response after the prompt that shows its judgment; null where there is no judgment. */
  readonly judged: Sequence | null;
  /** The response's tokens, end token included, equal to the tail of both sequences: shape [response tokens]. */
  readonly responseIds: Int32Array;
  /**
   * For each response token its code points, counted from the response's start. The end token's span is empty,
   * at the end, unless the response itself spells the token out.
   */
  readonly offsets: readonly Span[];
  readonly retokenized: Retokenized;
}

interface Tokens {
  readonly ids: readonly number[];
  readonly offsets: readonly Span[];
}

/**
 * Tokenizes a triplet.
 *
 * Prompt and response are tokenized together, and the response begins at the first token whose characters
 * start at or after the prompt's end. The end token follows unless the tokenizer has put it there. Where a
 * token straddles the prompt's end, or the plain and the judged prompt would tokenize the response differently,
 * the response is tokenized once without a prompt and appended to both (see `retokenized`).
 *
 * `location` is given to the errors: `LONE_SURROGATE`, and `EMPTY_PROMPT` for a prompt without a token.
 */
export async function encodeTriplet(
  tokenizer: Tokenizer,
  template: PromptTemplate,
  row: TripletText,
  location: ErrorLocation = {},
): Promise<EncodedTriplet> {
  requireUnicodeRow(row, location);
  const { output: response, judgment } = row;
  const prompts = [template.render(row, null)];
  if (judgment !== null) prompts.push(template.render(row, judgment));

  const together = await Promise.all(
    prompts.map(async (prompt) =>
      splitAtPrompt(await encodePrompted(tokenizer, template, prompt + response), prompt),
    ),
  );
  const { retokenized, responses, heads } = await settle(tokenizer, template, prompts, response, together);
  const { ids, offsets } = withEndToken(responses, tokenizer.eosTokenId, codePointLength(response));
  const responseIds = Int32Array.from(ids);
  const [plain, judged] = heads.map((head) => {
    if (head.length === 0) throw emptyPrompt(template, location);
    return { ids: Int32Array.from([...head, ...ids]), responseStart: head.length };
  });
  if (plain === undefined) throw emptyPrompt(template, location);
  return { plain, judged: judged ?? null, responseIds, offsets, retokenized };
}

/**
 * Tokens of a prompt for generation, judged or (null) plain: what `encodeTriplet` puts before a response that
 * was tokenized on its own. Throws `LONE_SURROGATE` and `EMPTY_PROMPT`.
 */
export async function encodePrompt(
  tokenizer: Tokenizer,
  template: PromptTemplate,
  prompt: PromptText,
  judgment: string | null = null,
  location: ErrorLocation = {},
): Promise<Int32Array> {
  requireUnicodeRow({ ...prompt, judgment }, location);
  const ids = await promptAlone(tokenizer, template, template.render(prompt, judgment));
  if (ids.length === 0) throw emptyPrompt(template, location);
  return Int32Array.from(ids);
}

/** Prompt tokens and response tokens of one tokenization, and whether a token belongs to both. */
interface Split {
  readonly head: readonly number[];
  readonly response: Tokens;
  readonly straddles: boolean;
  /** Tokens that the post-processor put behind the text; part of `response` as well. */
  readonly trailing: readonly number[];
}

async function settle(
  tokenizer: Tokenizer,
  template: PromptTemplate,
  prompts: readonly string[],
  response: string,
  together: readonly Split[],
): Promise<{ retokenized: Retokenized; responses: Tokens; heads: readonly (readonly number[])[] }> {
  const [first] = together;
  if (first === undefined) throw new Error('a triplet has at least its plain prompt');
  const differ = together.some(({ response: { ids } }) => !equal(ids, first.response.ids));
  const retokenized = together.some(({ straddles }) => straddles)
    ? 'straddle'
    : differ
      ? 'contexts-differ'
      : null;
  if (retokenized === null) {
    return { retokenized, responses: first.response, heads: together.map(({ head }) => head) };
  }
  const [alone, heads] = await Promise.all([
    encodeContinuation(tokenizer, response),
    Promise.all(prompts.map((prompt) => promptAlone(tokenizer, template, prompt))),
  ]);
  const end: Span = [codePointLength(response), codePointLength(response)];
  const responses = {
    ids: [...alone.ids, ...first.trailing],
    offsets: [...alone.offsets, ...first.trailing.map(() => end)],
  };
  return { retokenized, responses, heads };
}

function splitAtPrompt(encoding: Encoding, prompt: string): Split {
  const { ids, offsets, trailing } = encoding;
  const promptEnd = codePointLength(prompt);
  const { start, straddles } = responseStart(encoding, promptEnd);
  return {
    head: Array.from(ids.subarray(0, start)),
    response: {
      ids: Array.from(ids.subarray(start)),
      offsets: offsets.slice(start).map(([from, to]): Span => [from - promptEnd, to - promptEnd]),
    },
    straddles,
    trailing: Array.from(ids.subarray(ids.length - trailing)),
  };
}

function responseStart(encoding: Encoding, promptEnd: number): { start: number; straddles: boolean } {
  const { offsets, leading, trailing } = encoding;
  const textEnd = offsets.length - trailing;
  let start = leading;
  while (start < textEnd && (offsets[start]?.[0] ?? 0) < promptEnd) start++;
  const straddles = offsets.slice(leading, start).some(([, to]) => to > promptEnd);
  return { start, straddles };
}

/** A prompted text with the tokenizer's special tokens, a BOS that the template wrote itself not doubled. */
async function encodePrompted(
  tokenizer: Tokenizer,
  template: PromptTemplate,
  text: string,
): Promise<Encoding> {
  const encoding = await tokenizer.encode(text, { addSpecialTokens: template.specialTokens === 'tokenizer' });
  const { ids, offsets, leading } = encoding;
  if (leading === 0 || ids[leading] !== tokenizer.bosTokenId || ids[leading - 1] !== ids[leading])
    return encoding;
  return { ...encoding, ids: ids.subarray(1), offsets: offsets.slice(1), leading: leading - 1 };
}

async function promptAlone(
  tokenizer: Tokenizer,
  template: PromptTemplate,
  prompt: string,
): Promise<number[]> {
  const { ids, trailing } = await encodePrompted(tokenizer, template, prompt);
  // What the tokenizer puts behind a finished text would end the response before it begins.
  return Array.from(ids.subarray(0, ids.length - trailing));
}

function withEndToken({ ids, offsets }: Tokens, endToken: number, length: number): Tokens {
  if (ids.at(-1) === endToken) return { ids, offsets };
  return { ids: [...ids, endToken], offsets: [...offsets, [length, length]] };
}

// Text that hardly ever shares a token with what follows; the newline is a token of its own almost everywhere.
const MARKERS = ['\n', ':', '.', '0', 'a', '"', ' '];

/**
 * Tokens of a text that continues another: without special tokens and without the space that some tokenizers
 * put in front of whatever they are given alone.
 *
 * The text is tokenized alone, and also behind a marker and cut there. The lone tokens are taken if, behind the
 * marker's tokens, they decode to the same text as the whole does; otherwise the cut ones are.
 */
export async function encodeContinuation(tokenizer: Tokenizer, text: string): Promise<Tokens> {
  const alone = await tokenizer.encode(text, { addSpecialTokens: false });
  for (const marker of MARKERS) {
    const whole = await tokenizer.encode(marker + text, { addSpecialTokens: false });
    const { start, straddles } = responseStart(whole, marker.length);
    if (straddles) continue;
    const [expected, found] = await Promise.all([
      tokenizer.decode(whole.ids),
      tokenizer.decode([...whole.ids.subarray(0, start), ...alone.ids]),
    ]);
    if (found === expected) break;
    return splitAtPrompt(whole, marker).response;
  }
  return { ids: Array.from(alone.ids), offsets: alone.offsets };
}

function equal(a: readonly number[], b: readonly number[]): boolean {
  return a.length === b.length && a.every((value, i) => value === b[i]);
}

function requireUnicodeRow(
  row: Readonly<Record<string, unknown>> | TripletText,
  location: ErrorLocation,
): void {
  for (const [field, value] of Object.entries(row)) {
    if (typeof value === 'string') requireUnicode(value, { ...location, field: location.field ?? field });
  }
}

function emptyPrompt(template: PromptTemplate, location: ErrorLocation): WhetstoneError {
  return new WhetstoneError('EMPTY_PROMPT', `the prompt of template "${template.name}" is empty`, {
    ...location,
    hint: 'A response needs at least one token before it: give the row an instruction or the template some text.',
  });
}
