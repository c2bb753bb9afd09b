// Texts to token ids by the rules of lm-evaluation-harness 0.4 (lm_eval/api/model.py, models/huggingface.py). Knows a
// tokenizer, no model.
import { WhetstoneError } from '../../errors.ts';
import type { Place } from '../../errors.ts';
import type { Tokenizer } from '../../tokens/index.ts';
import { rstrip } from '../../jinja/python-text.ts';
import type { LikelihoodRequest } from './subject.ts';

type RequestTokenizer = Pick<Tokenizer, 'encode' | 'decode' | 'bosTokenId' | 'eosTokenId'>;

export interface RequestTokens {
  readonly context: readonly number[];
  /** One for each continuation. */
  readonly continuations: readonly (readonly number[])[];
}

/**
 * White space at the end of the context moves to the continuations. A continuation's tokens are those of context and
 * continuation together behind as many tokens as the context alone has. Special tokens are the tokenizer's own, and
 * none where the text spells its first token out. An empty context stands for the BOS token (the end token where there
 * is none).
 *
 * Throws WhetstoneError `EMPTY_CONTINUATION` where a continuation has no token of its own, and `LONE_SURROGATE`.
 */
export async function requestTokens(
  tokenizer: RequestTokenizer,
  { context, continuations, location = {} }: LikelihoodRequest,
): Promise<RequestTokens> {
  const prefixId = tokenizer.bosTokenId ?? tokenizer.eosTokenId;
  const tokens =
    context === ''
      ? await behindNothing(tokenizer, prefixId, continuations)
      : await behindText(tokenizer, await tokenizer.decode([prefixId]), context, continuations);
  const empty = tokens.continuations.findIndex(({ length }) => length === 0);
  if (empty < 0) return tokens;
  throw new WhetstoneError(
    'EMPTY_CONTINUATION',
    `the continuation ${JSON.stringify(continuations[empty])} has no token of its own behind the prompt`,
    { ...location, hint: 'A choice needs a character that is more than white space: correct or remove it.' },
  );
}

async function behindText(
  tokenizer: RequestTokenizer,
  prefix: string,
  context: string,
  continuations: readonly string[],
): Promise<RequestTokens> {
  const encode = async (text: string): Promise<number[]> =>
    Array.from((await tokenizer.encode(text, { addSpecialTokens: !text.startsWith(prefix) })).ids);
  const bare = rstrip(context);
  const space = context.slice(bare.length);
  const head = await encode(bare);
  const wholes = await Promise.all(continuations.map((text) => encode(bare + space + text)));
  return { context: head, continuations: wholes.map((whole) => whole.slice(head.length)) };
}

async function behindNothing(
  tokenizer: RequestTokenizer,
  prefixId: number,
  continuations: readonly string[],
): Promise<RequestTokens> {
  const encoded = await Promise.all(
    continuations.map((text) => tokenizer.encode(text, { addSpecialTokens: false })),
  );
  // A continuation that begins with the BOS token itself does not get a second one.
  return {
    context: [prefixId],
    continuations: encoded.map(({ ids }) => Array.from(ids[0] === prefixId ? ids.subarray(1) : ids)),
  };
}

/** Continuations that keep the same part of their context. */
export interface TokenGroup {
  readonly context: Int32Array;
  /** No two of them equal: rounding must not tell equal choices apart. */
  readonly continuations: readonly Int32Array[];
  /** For each of them which of the request's continuations it is; several where these are equal. */
  readonly indices: readonly (readonly number[])[];
}

/**
 * Cuts contexts at the left until context and continuation are `room` tokens together, and puts those together that
 * keep the same. Throws WhetstoneError `CONTINUATION_TOO_LONG` where not even one token of the context would be left.
 */
export function fitInto(
  { context, continuations }: RequestTokens,
  room: number,
  location: Place = {},
): { readonly groups: readonly TokenGroup[]; readonly truncated: number } {
  /** By how much of the context they keep, then by their tokens. */
  const kept = new Map<number, Map<string, number[]>>();
  for (const [i, tokens] of continuations.entries()) {
    if (tokens.length >= room) {
      throw new WhetstoneError(
        'CONTINUATION_TOO_LONG',
        `continuation ${i + 1} has ${tokens.length} tokens, and the model has room for ${room - 1} behind a prompt`,
        { ...location, hint: 'Leave this row out, or choose a model with more positions.' },
      );
    }
    const length = Math.min(context.length, room - tokens.length);
    const equals = kept.get(length) ?? new Map<string, number[]>();
    kept.set(length, equals.set(tokens.join(), [...(equals.get(tokens.join()) ?? []), i]));
  }
  const groups = [...kept].map(([length, equals]) => ({
    context: Int32Array.from(context.slice(context.length - length)),
    continuations: [...equals.values()].map(([first]) => Int32Array.from(continuations[first!]!)),
    indices: [...equals.values()],
  }));
  return { groups, truncated: context.length - Math.min(...kept.keys()) };
}
