// How a response stands in a finished conversation: what a template writes around it, what it takes away, and what
// ends the turn. Knows texts; it does not know Jinja, nor token ids.

/** A response in its place behind a prompt. */
export interface Turn {
  /** Characters at the end of the prompt that are not there once the response is, such as an opened thought. */
  readonly dropped: number;
  /** What stands between prompt and response. */
  readonly before: string;
  /** The part [from, to) of the response that is left; a template may trim it. */
  readonly from: number;
  readonly to: number;
  /** What stands behind the response, up to the turn's end. */
  readonly after: string;
  /** Whether `after` ends in a token that ends the turn; otherwise the tokenizer's end token follows. */
  readonly closed: boolean;
}

/** A response as it stands, which the tokenizer's end token ends. */
export const bareTurn = (response: string): Turn => ({
  dropped: 0,
  before: '',
  from: 0,
  to: response.length,
  after: '',
  closed: false,
});

/** A conversation of one question as the template writes it: up to where the answer begins, or with an answer. */
export interface Renderings {
  readonly prompt: () => string;
  readonly finished: (response: string) => string;
}

/** What the template makes of any response, and how it ends the turn. */
export interface TurnShape {
  readonly after: string;
  readonly closed: boolean;
  /** The turn of a response; null where the template changes more of it than white space at its ends. */
  readonly turnOf: (response: string) => Turn | null;
}

/** A response that no template has a reason to change. */
const PROBE = 'Response7x';

/**
 * Finds out how a template writes a response, from renderings of one. `tokens` are the texts of the tokenizer's
 * added tokens: the first of them behind a response ends its turn. Null where the template shows no response.
 */
export function findTurn({ prompt, finished }: Renderings, tokens: ReadonlySet<string>): TurnShape | null {
  const opening = prompt();
  const whole = finished(PROBE);
  const at = whole.lastIndexOf(PROBE);
  if (at < 0) return null;
  const tail = whole.slice(at + PROBE.length);
  const { after, closed } = endOf(tail, tokens);
  return {
    after,
    closed,
    turnOf: (response) => {
      const text = finished(response);
      const place = text.endsWith(tail) ? locate(text.slice(0, text.length - tail.length), response) : null;
      if (place === null) return null;
      const shared = commonStart(opening, place.head);
      return {
        dropped: opening.length - shared,
        before: place.head.slice(shared),
        from: place.from,
        to: place.to,
        after: place.rest + after,
        closed,
      };
    },
  };
}

function commonStart(a: string, b: string): number {
  let length = 0;
  while (length < a.length && a[length] === b[length]) length++;
  return length;
}

/** A text that ends in a response, which may have lost white space at its ends. */
interface Place {
  /** What stands before it. */
  readonly head: string;
  /** The part [from, to) of the response that is there. */
  readonly from: number;
  readonly to: number;
  /** White space behind it that is not its own. */
  readonly rest: string;
}

function locate(body: string, response: string): Place | null {
  const core = response.trim();
  const end = body.trimEnd().length;
  if (!body.slice(0, end).endsWith(core)) return null;
  const begin = end - core.length;
  const leading = response.length - response.trimStart().length;
  let from = core === '' ? response.length : leading;
  let first = begin;
  while (from > 0 && first > 0 && body[first - 1] === response[from - 1]) {
    from--;
    first--;
  }
  let to = core === '' ? response.length : leading + core.length;
  let last = end;
  while (to < response.length && last < body.length && body[last] === response[to]) {
    to++;
    last++;
  }
  return { head: body.slice(0, first), from, to, rest: body.slice(last) };
}

/** What ends a turn: all up to the first token that is no text, or all text that can be seen. */
function endOf(tail: string, tokens: ReadonlySet<string>): { after: string; closed: boolean } {
  let best: { at: number; token: string } | null = null;
  for (const token of tokens) {
    const at = token.trim() === '' ? -1 : tail.indexOf(token);
    if (at < 0 || (best && (at > best.at || (at === best.at && token.length < best.token.length)))) continue;
    best = { at, token };
  }
  if (best) return { after: tail.slice(0, best.at + best.token.length), closed: true };
  return { after: tail.trimEnd(), closed: false };
}
