// Holds requests back: so many at once, so many begun in a minute, so many tokens in a minute. Knows no servers.
// p-queue counts requests only, and one limit at a time; hence this.
import type { Clock } from './clock.ts';

export interface LimitSettings {
  readonly concurrency: number;
  readonly requestsPerMinute: number | null;
  readonly tokensPerMinute: number | null;
}

export interface Place {
  /** Makes room for the next. `tokens` is what was really used; null leaves the estimate. Call it once. */
  leave(tokens: number | null): void;
}

export interface Limits {
  /** Waits, first come first served, until a request of about `tokens` may begin. Rejects with the signal's reason. */
  enter(tokens: number, signal?: AbortSignal): Promise<Place>;
  /** Nobody enters for so many milliseconds from now. */
  pause(milliseconds: number): void;
}

interface Begun {
  readonly at: number;
  tokens: number;
}

interface Waiting {
  readonly tokens: number;
  readonly admit: (place: Place) => void;
}

// A request takes up to a second to reach the server that counts it; a window of a minute alone could look shorter there.
const windowMilliseconds = 61_000;

/**
 * No window of 61 s sees more requests begun, or more tokens, than a minute may have; a request of more tokens than
 * that goes alone. `onWait` hears of each wait for a limit before it begins: which limit, and milliseconds.
 */
export function createLimits(
  settings: LimitSettings,
  clock: Clock,
  onWait: (limit: 'requests' | 'tokens' | 'pause', milliseconds: number) => void = () => {},
): Limits {
  const { concurrency, requestsPerMinute, tokensPerMinute } = settings;
  let active = 0;
  let pausedUntil = -Infinity;
  let begun: Begun[] = [];
  let waiting: Waiting[] = [];
  let asleep = false;

  const requestsFreeAt = (): number =>
    requestsPerMinute === null || begun.length < requestsPerMinute
      ? -Infinity
      : begun[begun.length - requestsPerMinute]!.at + windowMilliseconds;

  const tokensFreeAt = (wanted: number): number => {
    if (tokensPerMinute === null) return -Infinity;
    let sum = begun.reduce((total, { tokens }) => total + tokens, wanted);
    let free = -Infinity;
    for (const { at, tokens } of begun) {
      if (sum <= tokensPerMinute) break;
      sum -= tokens;
      free = at + windowMilliseconds;
    }
    return free;
  };

  const admitAll = (): void => {
    while (waiting.length > 0 && active < concurrency && !asleep) {
      const now = clock.now();
      begun = begun.filter(({ at }) => at + windowMilliseconds > now);
      const next = waiting[0]!;
      const free = {
        pause: pausedUntil,
        requests: requestsFreeAt(),
        tokens: tokensFreeAt(next.tokens),
      } as const;
      const at = Math.max(...Object.values(free));
      if (at > now) {
        const limit = (['pause', 'requests', 'tokens'] as const).find((name) => free[name] === at)!;
        onWait(limit, at - now);
        asleep = true;
        void clock.sleep(at - now).then(() => {
          asleep = false;
          admitAll();
        });
        return;
      }
      waiting.shift();
      active++;
      const entry: Begun = { at: now, tokens: next.tokens };
      begun.push(entry);
      next.admit({
        leave: (tokens) => {
          active--;
          if (tokens !== null) entry.tokens = tokens;
          admitAll();
        },
      });
    }
  };

  return {
    enter: (tokens, signal) =>
      new Promise((resolve, reject) => {
        if (signal?.aborted) return reject(signal.reason as Error);
        const giveUp = (): void => {
          waiting = waiting.filter((other) => other !== mine);
          reject(signal!.reason as Error);
          admitAll();
        };
        const mine: Waiting = {
          tokens,
          admit: (place) => {
            signal?.removeEventListener('abort', giveUp);
            resolve(place);
          },
        };
        signal?.addEventListener('abort', giveUp, { once: true });
        waiting.push(mine);
        admitAll();
      }),
    pause: (milliseconds) => {
      pausedUntil = Math.max(pausedUntil, clock.now() + milliseconds);
    },
  };
}
