// Tokens and money: estimates before a call, sums after it, and a budget that no call can break.
// Knows prices per million tokens, not who asks for them.

export interface TokenCounts {
  readonly input: number;
  readonly output: number;
}

/** Money per million tokens. */
export interface Prices {
  readonly input: number;
  readonly output: number;
}

/** Null where a price is not known. */
export function pricesOf(known: {
  readonly inputPrice: number | null;
  readonly outputPrice: number | null;
}): Prices | null {
  const { inputPrice, outputPrice } = known;
  return inputPrice === null || outputPrice === null ? null : { input: inputPrice, output: outputPrice };
}

export const costOf = ({ input, output }: TokenCounts, prices: Prices): number =>
  (input * prices.input + output * prices.output) / 1e6;

/** About how many tokens a text has: a word piece of four letters, or one character of a script without letters. */
export function aboutTokens(text: string): number {
  let latin = 0;
  let other = 0;
  for (const character of text) {
    if (character.codePointAt(0)! < 0x250) latin++;
    else other++;
  }
  return Math.ceil(latin / 4 + other * 0.8);
}

/** No tokenizer that works on bytes or larger pieces makes more tokens of a text. */
export const mostTokens = (text: string): number => Buffer.byteLength(text, 'utf8');

/** A text of so many tokens has no more characters (UTF-16), unless it is made to. */
export const mostCharacters = (tokens: number): number => 1024 + 32 * tokens;

/** What a chat format may add: roles and separators. */
const tokensAMessage = { about: 4, most: 16 };

export const promptTokens = (texts: readonly string[], kind: 'about' | 'most'): number => {
  const count = kind === 'about' ? aboutTokens : mostTokens;
  return texts.reduce((sum, text) => sum + count(text) + tokensAMessage[kind], tokensAMessage[kind]);
};

export interface Reservation {
  /** The call is over: what it used, or null if it cost nothing. Call it once. */
  settle(used: TokenCounts | null): void;
}

/** Money spent and money that calls under way may still cost. */
export interface Ledger {
  /**
   * Sets aside what a call costs at most. Null where that does not fit at present but may when calls under way are
   * settled; 'never' where it will not.
   */
  reserve(most: TokenCounts): Reservation | null | 'never';
  /** Resolves at the next settlement. */
  settled(): Promise<void>;
  spent(): number;
}

/** `budget` null is no limit; `spent` is what earlier processes have used of it. */
export function createLedger(prices: Prices, budget: number | null, spent: number): Ledger {
  let reserved = 0;
  let open = 0;
  let listeners: (() => void)[] = [];
  return {
    reserve: (most) => {
      const cost = costOf(most, prices);
      // Sums of many small amounts are off by less than this.
      if (budget !== null && spent + reserved + cost > budget + 1e-9) return open > 0 ? null : 'never';
      reserved += cost;
      open++;
      return {
        settle: (used) => {
          open--;
          reserved = open === 0 ? 0 : reserved - cost;
          if (used !== null) spent += costOf(used, prices);
          const woken = listeners;
          listeners = [];
          for (const wake of woken) wake();
        },
      };
    },
    settled: () => new Promise((resolve) => void listeners.push(resolve)),
    spent: () => spent,
  };
}

/** "0.0123 USD", "12.35 USD": two digits after the point from 1 on, else two that count. */
export function formatMoney(amount: number, currency: string): string {
  const digits = amount >= 1 || amount === 0 ? 2 : Math.min(8, 1 - Math.floor(Math.log10(amount)));
  return `${amount.toFixed(digits)} ${currency}`;
}
