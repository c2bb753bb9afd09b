// Generated tokens to pieces of text with the tokens they are made of, up to a stop string. Knows no engine.
import type { GeneratedToken } from '../engine/engine.ts';
import type { Tokenizer } from '../tokens/tokenizer.ts';
import { createDecoder } from './decoder.ts';
import { searchStops } from './stop-strings.ts';

/** Text that follows the pieces before it, and the tokens whose text ends in it (those without text included). */
export interface TextPiece {
  readonly text: string;
  readonly tokens: readonly GeneratedToken[];
}

export interface TextStream {
  /** What this token adds that can be shown already; null if nothing does. */
  push(token: GeneratedToken): Promise<TextPiece | null>;
  /** The rest of the text, after the last token. */
  end(): Promise<TextPiece | null>;
  /** The stop string that ended the text, which is not part of it; tokens pushed after it are ignored. */
  readonly stop: string | null;
}

export interface TextStreamSettings {
  readonly stops?: readonly string[] | undefined;
  /** The tokens of the text that this one continues. */
  readonly before?: ArrayLike<number> | undefined;
  /** Whether the stop string that ends the text is part of it; default false. */
  readonly includeStop?: boolean | undefined;
  /** Default true. */
  readonly skipSpecialTokens?: boolean | undefined;
  /** So many tokens are too early for stop strings; default 0. */
  readonly minTokens?: number | undefined;
}

/**
 * A stream of text; the pieces, joined, do not depend on how tokens cut the text, and no piece ends within a code
 * point. Tokens that lie wholly behind the end of the text are in no piece. Throws what `searchStops` throws.
 */
export function openTextStream(
  tokenizer: Pick<Tokenizer, 'decode'>,
  { stops = [], before, includeStop, skipSpecialTokens, minTokens = 0 }: TextStreamSettings = {},
): TextStream {
  const decoder = createDecoder(tokenizer, before, skipSpecialTokens);
  const search = searchStops(stops, includeStop);
  let pushed = 0;
  // Tokens not given out yet, with the part of the whole text that they were decoded to, together with others if need be.
  const waiting: { token: GeneratedToken; start: number; end: number }[] = [];
  let undecoded: GeneratedToken[] = [];
  let decodedLength = 0;
  let shownLength = 0;

  const decoded = (text: string): void => {
    const [start, end] = [decodedLength, decodedLength + text.length];
    waiting.push(...undecoded.map((token) => ({ token, start, end })));
    undecoded = [];
    decodedLength = end;
  };
  const pieceOf = (text: string, last: boolean): TextPiece | null => {
    shownLength += text.length;
    // In the last piece the token that a stop string begins in still has a part.
    const within = waiting.findIndex(({ start, end }) => end > shownLength && !(last && start < shownLength));
    const tokens = waiting.splice(0, within < 0 ? waiting.length : within).map(({ token }) => token);
    return text === '' && tokens.length === 0 ? null : { text, tokens };
  };

  return {
    get stop() {
      return search.found;
    },
    push: async (token) => {
      if (search.found !== null) return null;
      undecoded.push(token);
      pushed++;
      const text = await decoder.push(token.id);
      if (text === '') return null;
      decoded(text);
      return pieceOf(search.push(text, pushed <= minTokens), search.found !== null);
    },
    end: async () => {
      if (search.found !== null) return null;
      const text = await decoder.end();
      decoded(text);
      const shown = search.push(text);
      return pieceOf(search.found === null ? shown + search.end() : shown, true);
    },
  };
}
