// Finds stop strings in text that comes in pieces, however it is cut. Knows nothing of tokens.

export interface StopSearch {
  /**
   * Text that is safe to show: what may begin a stop string is held back until more is known. Where it is too early
   * for stops, none ends within this text.
   */
  push(text: string, tooEarly?: boolean): string;
  /** What is still held back. */
  end(): string;
  /** The stop string that was found; nothing is given out after it. */
  readonly found: string | null;
}

/**
 * Searches for the stop string that is complete first (of those complete at once the longest) and ends the text
 * before it, or behind it where stops are to be `included`. Throws RangeError for an empty stop string, which every text
 * would begin with.
 */
export function searchStops(stops: readonly string[], included = false): StopSearch {
  if (stops.some((stop) => stop === '' || /\p{Surrogate}/u.test(stop)))
    throw new RangeError('a stop string cannot be empty, nor hold half of a surrogate pair');
  let held = '';
  /** So much of what is held came too early for stops. */
  let early = 0;
  let found: string | null = null;

  return {
    get found() {
      return found;
    },
    push: (text, tooEarly = false) => {
      if (found !== null) return '';
      held += text;
      if (tooEarly) early = held.length;
      const [first] = stops
        .map((stop) => ({ stop, at: held.indexOf(stop, Math.max(0, early - stop.length + 1)) }))
        .filter(({ at }) => at >= 0)
        .sort((a, b) => a.at + a.stop.length - (b.at + b.stop.length) || a.at - b.at);
      if (first) found = first.stop;
      const safe = first
        ? first.at + (included ? first.stop.length : 0)
        : held.length - longestBeginning(held, stops);
      const shown = held.slice(0, safe);
      held = first ? '' : held.slice(safe);
      early = Math.max(0, early - safe);
      return shown;
    },
    end: () => {
      const rest = held;
      held = '';
      return rest;
    },
  };
}

/** Length of the longest end of `text` that one of the stops begins with. */
function longestBeginning(text: string, stops: readonly string[]): number {
  let longest = 0;
  for (const stop of stops) {
    for (let length = Math.min(stop.length - 1, text.length); length > longest; length--) {
      if (text.endsWith(stop.slice(0, length))) {
        longest = length;
        break;
      }
    }
  }
  return longest;
}
