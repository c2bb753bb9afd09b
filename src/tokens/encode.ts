// A response after one or several prompts as token sequences: prompt and response tokenized together, the
// response's tokens identified. It does not know the method that trains on them, nor files of rows.
import type { Sequence } from '../engine/engine.ts';
import { WhetstoneError } from '../errors.ts';
import type { Place } from '../errors.ts';
import { requireUnicodeMessages } from '../rows/conversation.ts';
import type { PromptText } from '../rows/conversation.ts';
import { rendered } from './prompt.ts';
import type { PromptPieces, PromptTemplate } from './prompt.ts';
import { bareTurn } from './turn.ts';
import type { Turn } from './turn.ts';
import type { Encoding, Tokenizer } from './tokenizer.ts';
import type { Span } from '../rows/unicode.ts';
import { codePointLength, requireUnicode } from '../rows/unicode.ts';
import { option } from '../words/option.ts';

/** A judged response as text; `judgment` is null where the response (`output`) is satisfactory. */
export interface TripletText extends PromptText {
  readonly output: string;
  readonly judgment: string | null;
}

/**
 * Why a response was tokenized on its own: a token reached over a prompt's end, or the prompts would have given
 * the response different tokens. Null where it was tokenized together with its prompts.
 */
export type Retokenized = 'straddle' | 'contexts-differ' | null;

/** One response after several prompts. */
export interface EncodedResponse {
  /** One for each prompt, in their order; all end in `responseIds`. */
  readonly sequences: readonly Sequence[];
  /** The response's tokens, end token included: shape [response tokens]. */
  readonly responseIds: Int32Array;
  /**
   * For each response token its code points, counted from the response's start. The end token's span is empty,
   * at the end, unless the response itself spells the token out.
   */
  readonly offsets: readonly Span[];
  readonly retokenized: Retokenized;
}

export interface EncodedTriplet extends Omit<EncodedResponse, 'sequences'> {
  readonly plain: Sequence;
  /** The same response after the prompt that shows its judgment; null where there is no judgment. */
  readonly judged: Sequence | null;
}

interface Tokens {
  readonly ids: readonly number[];
  readonly offsets: readonly Span[];
}

/**
 * Tokenizes a response after each of several prompts (at least one), with the same tokens after all of them, up to the
 * end of its turn. Where the template writes the end of a turn itself, the tokens are those of the finished conversation.
 *
 * Prompt and response are tokenized together, and the response begins at the first token whose characters
 * start at or after the prompt's end. Where the template ends no turn, the tokenizer's end token follows unless it is
 * there. Where a token straddles a prompt's end, or the prompts would tokenize the response differently, the response
 * is tokenized once without a prompt and appended to all (see `retokenized`).
 *
 * A prompt of several pieces is put together of tokens, with the end token's id between the pieces: text that
 * spelled it out would get a space behind it from some tokenizers. Only the last piece is tokenized together
 * with the response. A piece that begins with the end token itself does not get a second one.
 *
 * `location` is given to the errors: `LONE_SURROGATE`, `EMPTY_PROMPT` for a prompt without a token, and
 * `RESPONSE_CHANGED` for a response of which the template makes another.
 */
export async function encodeResponse(
  tokenizer: Tokenizer,
  template: PromptTemplate,
  prompts: readonly PromptPieces[],
  response: string,
  location: Place = {},
): Promise<EncodedResponse> {
  requireUnicodeFields({ output: response }, location);
  for (const prompt of prompts.flat()) requireUnicodeFields({ instruction: prompt }, location);
  const turn = template.turn(response);
  if (turn === null) throw changedResponse(template, location);
  const finished = prompts.map((pieces) => finish(pieces, response, turn));
  const together = await Promise.all(finished.map((text) => encodeTogether(tokenizer, template, text)));
  const { retokenized, responses, heads } = await settle(tokenizer, template, finished, together);
  const placed = placedInResponse(responses, finished[0]!);
  const { ids, offsets } = turn.closed
    ? placed
    : withEndToken(placed, tokenizer.eosTokenId, codePointLength(response));
  const sequences = heads.map((head) => {
    if (head.length === 0) throw emptyPrompt(template, location);
    return { ids: Int32Array.from([...head, ...ids]), responseStart: head.length };
  });
  return { sequences, responseIds: Int32Array.from(ids), offsets, retokenized };
}

/** A triplet's response after its plain prompt and, where there is a judgment, after the one that shows it. */
export async function encodeTriplet(
  tokenizer: Tokenizer,
  template: PromptTemplate,
  row: TripletText,
  location: Place = {},
): Promise<EncodedTriplet> {
  requireUnicodeFields(row, location);
  requireUnicodeMessages(row.before, location);
  const { output, judgment } = row;
  const shown = judgment === null ? [null] : [null, judgment];
  const prompts = rendered(location, () => shown.map((words) => [template.render(row, words)]));
  const { sequences, ...rest } = await encodeResponse(tokenizer, template, prompts, output, location);
  return { plain: sequences[0]!, judged: sequences[1] ?? null, ...rest };
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
  location: Place = {},
): Promise<Int32Array> {
  requireUnicodeFields({ ...prompt, judgment }, location);
  requireUnicodeMessages(prompt.before, location);
  const pieces = rendered(location, () => [template.render(prompt, judgment)]);
  return encodePieces(tokenizer, template, pieces, location);
}

/** What a template writes around a response, and the tokens that end it. */
export interface ResponseEnd {
  /** What stands between the prompt of a generation and a response, as far as the template writes it. */
  readonly before: string;
  readonly text: string;
  readonly ids: readonly number[];
}

/** What ends a response behind a prompt of this template, in training and in generation. */
export async function responseEnd(tokenizer: Tokenizer, template: PromptTemplate): Promise<ResponseEnd> {
  const { before, after, closed } = template.turn('Response') ?? bareTurn('');
  const { ids } = await tokenizer.encode(after, { addSpecialTokens: false });
  const own = closed ? [] : [tokenizer.eosTokenId];
  const text = after + own.map((id) => tokenizer.idToToken(id) ?? '').join('');
  return { before, text, ids: [...(after === '' ? [] : ids), ...own] };
}

/** Tokens of a rendered prompt for generation, for instance of `renderRevision`. Throws as `encodePrompt` does. */
export async function encodePieces(
  tokenizer: Tokenizer,
  template: PromptTemplate,
  pieces: PromptPieces,
  location: Place = {},
): Promise<Int32Array> {
  for (const piece of pieces) requireUnicodeFields({ instruction: piece }, location);
  const { ids } = await promptAlone(tokenizer, template, pieces);
  if (ids.length === 0) throw emptyPrompt(template, location);
  return Int32Array.from(ids);
}

/** How many tokens of a prompt there are from the last place of a text in it to its end; 0 where it is not there. */
export async function tokensFrom(tokenizer: Tokenizer, pieces: PromptPieces, text: string): Promise<number> {
  const words = text.trim();
  const first = words === '' ? -1 : pieces.findLastIndex((piece) => piece.includes(words));
  if (first < 0) return 0;
  const tail = pieces.slice(first);
  tail[0] = tail[0]!.slice(tail[0]!.lastIndexOf(words));
  const encoded = await Promise.all(
    tail.map((piece) => tokenizer.encode(piece, { addSpecialTokens: false })),
  );
  // An end token stands between two pieces.
  return encoded.reduce((sum, { ids }) => sum + ids.length, tail.length - 1);
}

/** Prompt tokens and response tokens of one tokenization, and whether a token belongs to both. */
interface Split {
  readonly head: readonly number[];
  readonly response: Tokens;
  readonly straddles: boolean;
  /** Tokens that the post-processor puts behind a finished text. */
  readonly trailing: readonly number[];
}

/** A prompt and a response as one text in its parts. */
interface Finished {
  /** What stands before the response, in pieces with an end token between them. */
  readonly pieces: PromptPieces;
  /** Code points at the end of the last piece that the template puts between prompt and response. */
  readonly inserted: number;
  /** The response, and what the template writes behind it. */
  readonly text: string;
  /** Code points of the given response: how many there are, and the [from, to) of them that `text` begins with. */
  readonly length: number;
  readonly from: number;
  readonly to: number;
}

function finish(pieces: PromptPieces, response: string, turn: Turn): Finished {
  const last = pieces.at(-1) ?? '';
  const opened = last.slice(0, last.length - turn.dropped) + turn.before;
  return {
    pieces: [...pieces.slice(0, -1), opened],
    inserted: codePointLength(turn.before),
    text: response.slice(turn.from, turn.to) + turn.after,
    length: codePointLength(response),
    from: codePointLength(response.slice(0, turn.from)),
    to: codePointLength(response.slice(0, turn.to)),
  };
}

async function encodeTogether(
  tokenizer: Tokenizer,
  template: PromptTemplate,
  { pieces, text, inserted }: Finished,
): Promise<Split> {
  const last = pieces.at(-1) ?? '';
  if (pieces.length <= 1) {
    return splitAtPrompt(await encodePrompted(tokenizer, template, last + text), last, inserted);
  }
  const before = await promptAlone(tokenizer, template, pieces.slice(0, -1));
  const continuation = await encodeContinuation(tokenizer, last + text);
  const split = splitAtPrompt({ ...continuation, leading: 0, trailing: 0 }, last, inserted);
  return {
    ...split,
    head: closedThen(before.ids, split.head, tokenizer.eosTokenId),
    trailing: before.trailing,
  };
}

/** Offsets in the text behind the prompt as offsets in the given response; what is no part of it is empty, at its end. */
function placedInResponse({ ids, offsets }: Tokens, { length, from, to }: Finished): Tokens {
  const size = to - from;
  const last = offsets.findLastIndex(([start]) => start < size);
  const place = ([start, end]: Span, i: number): Span => {
    if (i > last) return [length, length];
    // White space that the template took away belongs to the tokens beside it.
    return [
      i === 0 ? 0 : from + Math.max(0, start),
      i === last ? length : from + Math.min(size, Math.max(0, end)),
    ];
  };
  return { ids, offsets: offsets.map(place) };
}

async function settle(
  tokenizer: Tokenizer,
  template: PromptTemplate,
  finished: readonly Finished[],
  together: readonly Split[],
): Promise<{ retokenized: Retokenized; responses: Tokens; heads: readonly (readonly number[])[] }> {
  const [first] = together;
  if (first === undefined) throw new Error('a response has at least one prompt');
  const differ = together.some(({ response: { ids } }) => !equal(ids, first.response.ids));
  const retokenized = together.some(({ straddles }) => straddles)
    ? 'straddle'
    : differ
      ? 'contexts-differ'
      : null;
  const { text } = finished[0]!;
  const end: Span = [codePointLength(text), codePointLength(text)];
  const withTrailing = ({ ids, offsets }: Tokens): Tokens => ({
    ids: [...ids, ...first.trailing],
    offsets: [...offsets, ...first.trailing.map(() => end)],
  });
  if (retokenized === null) {
    return {
      retokenized,
      responses: withTrailing(first.response),
      heads: together.map(({ head }) => head),
    };
  }
  const [alone, heads] = await Promise.all([
    encodeContinuation(tokenizer, text),
    Promise.all(
      finished.map(({ pieces }) => promptAlone(tokenizer, template, pieces).then(({ ids }) => ids)),
    ),
  ]);
  return { retokenized, responses: withTrailing(alone), heads };
}

/**
 * The tokens of a prompt and of what follows it. Of the text that a template inserted at the prompt's end, those tokens
 * belong to the response that reach into it: they are the model's to write.
 */
function splitAtPrompt(
  encoding: Omit<Encoding, 'ids'> & { ids: ArrayLike<number> },
  prompt: string,
  inserted = 0,
): Split {
  const ids = Array.from(encoding.ids);
  const promptEnd = codePointLength(prompt);
  const textEnd = ids.length - encoding.trailing;
  const { start, straddles } = responseStart(encoding, promptEnd, promptEnd - inserted);
  return {
    head: ids.slice(0, start),
    response: {
      ids: ids.slice(start, textEnd),
      offsets: encoding.offsets
        .slice(start, textEnd)
        .map(([from, to]): Span => [from - promptEnd, to - promptEnd]),
    },
    straddles,
    trailing: ids.slice(textEnd),
  };
}

function responseStart(
  { offsets, leading, trailing }: Pick<Encoding, 'offsets' | 'leading' | 'trailing'>,
  promptEnd: number,
  insertedFrom: number = promptEnd,
): { start: number; straddles: boolean } {
  const textEnd = offsets.length - trailing;
  const before = ([from, to]: Span): boolean => from < insertedFrom || (from < promptEnd && to <= promptEnd);
  let start = leading;
  while (start < textEnd && before(offsets[start] ?? [0, 0])) start++;
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
  [first = '', ...others]: PromptPieces,
): Promise<{ ids: readonly number[]; trailing: readonly number[] }> {
  const { ids, trailing } = await encodePrompted(tokenizer, template, first);
  // What the tokenizer puts behind a finished text would end the response before it begins.
  const textEnd = ids.length - trailing;
  const all = Array.from(ids.subarray(0, textEnd));
  for (const piece of others) {
    const next = (await encodeContinuation(tokenizer, piece)).ids;
    if (isOpen(all, next, tokenizer.eosTokenId)) all.push(tokenizer.eosTokenId);
    for (const id of next) all.push(id);
  }
  return { ids: all, trailing: Array.from(ids.subarray(textEnd)) };
}

/** `before`, the end token, `after`; the end token only once where either of them has it at the joint. */
function closedThen(before: readonly number[], after: readonly number[], endToken: number): number[] {
  return isOpen(before, after, endToken) ? [...before, endToken, ...after] : [...before, ...after];
}

/** Whether the end token is missing at the joint. */
const isOpen = (before: readonly number[], after: readonly number[], endToken: number): boolean =>
  before.at(-1) !== endToken && after[0] !== endToken;

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

function requireUnicodeFields(fields: object, location: Place): void {
  for (const [field, value] of Object.entries(fields) as [string, unknown][]) {
    if (typeof value === 'string') requireUnicode(value, { ...location, field: location.field ?? field });
  }
}

function changedResponse(template: PromptTemplate, location: Place): WhetstoneError {
  const message = `the template "${template.name}" writes another text than this response: it changes more than the white space at its ends`;
  return new WhetstoneError('RESPONSE_CHANGED', message, {
    ...location,
    hint: `Take out what the template rewrites, such as thoughts between tags, or use the ${option('template')} alpaca or a template file.`,
  });
}

function emptyPrompt(template: PromptTemplate, location: Place): WhetstoneError {
  return new WhetstoneError('EMPTY_PROMPT', `the prompt of template "${template.name}" is empty`, {
    ...location,
    hint: 'A response needs at least one token before it: give the row an instruction or the template some text.',
  });
}
