// Log-probs in the two shapes that the API has for them. Knows token texts; it does not know where tokens come from.
import type { ScoredToken } from '../engine/engine.ts';
import { codePointLength } from '../rows/unicode.ts';
import type { TokenText } from './token-text.ts';

type TextOf = (id: number) => Promise<TokenText>;

/** A token in its place; where nothing stands before it, it has no log-prob. */
export interface PlacedToken {
  readonly id: number;
  readonly logProb: number | null;
  readonly top: readonly ScoredToken[];
  /** Code points before it in the text that it is told with, where they are known. */
  readonly offset?: number;
}

interface ChatLogProb {
  readonly token: string;
  readonly logprob: number;
  readonly bytes: readonly number[];
}

/** JSON has no infinity; the API writes this for a token that is next to impossible. */
const impossible = -9999;
const finite = (logProb: number): number => (Number.isFinite(logProb) ? logProb : impossible);

/** `logprobs.content` of a chat completion: one entry a token, in its order. */
export function chatLogProbs(
  tokens: readonly PlacedToken[],
  textOf: TextOf,
): Promise<(ChatLogProb & { readonly top_logprobs: readonly ChatLogProb[] })[]> {
  const entry = async ({ id, logProb }: ScoredToken): Promise<ChatLogProb> => {
    const { token, bytes } = await textOf(id);
    return { token, logprob: finite(logProb), bytes };
  };
  return Promise.all(
    tokens.map(async ({ id, logProb, top }) => ({
      ...(await entry({ id, logProb: logProb ?? impossible })),
      top_logprobs: await Promise.all(top.map(entry)),
    })),
  );
}

/** `logprobs` of a text completion; the lists run in parallel. */
export interface CompletionLogProbs {
  readonly tokens: string[];
  readonly token_logprobs: (number | null)[];
  readonly top_logprobs: (Record<string, number> | null)[];
  /** Code points of the choice's text before each token. */
  readonly text_offset: number[];
}

/** Makes the lists for one choice, part by part. */
export interface CompletionLogProbList {
  /** Tokens with the texts that they are told with, which follow those before them. */
  add(
    told: readonly { readonly text: string; readonly tokens: readonly PlacedToken[] }[],
  ): Promise<CompletionLogProbs>;
}

export function completionLogProbs(textOf: TextOf): CompletionLogProbList {
  // Code points of the texts before the present one.
  let before = 0;
  return {
    add: async (told) => {
      const list: CompletionLogProbs = { tokens: [], token_logprobs: [], top_logprobs: [], text_offset: [] };
      for (const { text, tokens } of told) {
        const length = codePointLength(text);
        let offset = 0;
        for (const { id, logProb, top, offset: known } of tokens) {
          const { token, bytes, special } = await textOf(id);
          list.tokens.push(token);
          list.text_offset.push(before + (known ?? Math.min(offset, length)));
          const own = logProb === null ? null : finite(logProb);
          list.token_logprobs.push(own);
          if (own === null) list.top_logprobs.push(null);
          else {
            const others: Record<string, number> = {};
            for (const each of top) others[(await textOf(each.id)).token] = finite(each.logProb);
            list.top_logprobs.push({ ...others, [token]: own });
          }
          if (special) continue;
          // Some tokenizers leave out the space that a text's first token brings.
          const isCut = before === 0 && offset === 0 && bytes[0] === 0x20 && !text.startsWith(' ');
          offset += bytes.filter((byte) => (byte & 0xc0) !== 0x80).length - (isCut ? 1 : 0);
        }
        before += length;
      }
      return list;
    },
  };
}
