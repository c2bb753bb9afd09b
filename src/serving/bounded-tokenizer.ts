// A tokenizer for texts that anybody may send: what cannot fit into the model's context is refused before all of it is
// tokenized, and nobody waits for a client that is gone. Knows no requests.
import { requireUnicode } from '../rows/unicode.ts';
import { ownTurn } from './own-turn.ts';
import type { Encoding, Tokenizer } from '../tokens/tokenizer.ts';

export interface Bounds {
  /** Most tokens of a text. */
  readonly most: number;
  /** Most tokens of everything that is encoded, if that is bounded as well. */
  readonly mostWork?: number;
  readonly signal: AbortSignal;
  /** What to throw for a text of more; `tokens` is how many there are, or at least. */
  readonly tooLong: (tokens: number, atLeast: boolean) => Error;
}

/** Texts up to so many characters are tokenized in milliseconds. */
const shortText = 65536;

/**
 * `tokenizer` within bounds. Throws `tooLong`, and the signal's reason as soon as it is aborted.
 */
export function boundedTokenizer(tokenizer: Tokenizer, bounds: Bounds): Tokenizer {
  const { most, mostWork = Infinity, signal, tooLong } = bounds;
  let work = 0;
  const encodeUpTo: Tokenizer['encodeUpTo'] = async (text, limit, options) => {
    signal.throwIfAborted();
    if (text.length > shortText) await requireFit(tokenizer, text, bounds);
    const found = await unlessAborted(tokenizer.encodeUpTo(text, Math.min(limit, most), options), signal);
    const count = typeof found === 'number' ? found : found.ids.length;
    if (count > most) throw tooLong(count, false);
    work += count;
    if (work > mostWork) throw tooLong(most + 1, true);
    return found;
  };
  return {
    ...tokenizer,
    encode: (text, options) => encodeUpTo(text, Infinity, options) as Promise<Encoding>,
    encodeUpTo,
  };
}

/** A cut within a text makes other tokens of the words beside it, and not of those far from it. */
export const changedByCut = 16;

/** Throws `tooLong` as soon as the tokens of the text's beginning, read piece by piece, are too many. */
async function requireFit(
  tokenizer: Tokenizer,
  text: string,
  { most, signal, tooLong }: Bounds,
): Promise<void> {
  // This takes milliseconds a megabyte.
  await ownTurn();
  requireUnicode(text);
  const fewest = tokenizer.fewestTokens(text, most);
  if (fewest > most) throw tooLong(fewest, true);
  const size = Math.min(shortText, Math.max(4096, 8 * most));
  let counted = 0;
  for (let from = 0; from < text.length;) {
    const to = wholeCharacters(text, from + size);
    const piece = text.slice(from, to);
    const count = await unlessAborted(countTokens(tokenizer, piece), signal);
    counted += Math.max(0, count - changedByCut);
    if (counted > most) throw tooLong(counted, true);
    from = to;
  }
}

async function countTokens(tokenizer: Tokenizer, text: string): Promise<number> {
  const found = await tokenizer.encodeUpTo(text, 0, { addSpecialTokens: false });
  return typeof found === 'number' ? found : found.ids.length;
}

/** The place itself, or the one before it where it would part a surrogate pair. */
const wholeCharacters = (text: string, place: number): number =>
  place < text.length && /[\udc00-\udfff]/.test(text.charAt(place)) ? place - 1 : place;

function unlessAborted<T>(work: Promise<T>, signal: AbortSignal): Promise<T> {
  return new Promise<T>((resolve, reject) => {
    const leave = (): void => reject(signal.reason as Error);
    if (signal.aborted) leave();
    signal.addEventListener('abort', leave, { once: true });
    void work.then(resolve, reject).finally(() => signal.removeEventListener('abort', leave));
  });
}
