// What to do when a call fails: wait and call again, give the row up, or stop. Knows no HTTP but its Retry-After.
// p-retry cannot take the length of a wait from outside, nor a clock; hence this.
import type { Random } from '../random.ts';
import type { Clock } from './clock.ts';

export interface Failure {
  /** "passing" may be gone next time, "row" concerns this request alone, "final" every further one. */
  readonly kind: 'passing' | 'row' | 'final';
  /** What happened, for people; the server's own words where it had any. */
  readonly words: string;
  /** How long the server asks to wait, in milliseconds. */
  readonly retryAfter?: number;
  /** Whether there was no server to reach. */
  readonly away?: boolean;
  /** Whether the server may have done the work, and count it, all the same. */
  readonly billed: boolean;
}

export type Attempt<T> = { readonly ok: T } | { readonly failure: Failure };

export interface RetrySettings {
  readonly retries: number;
  /** Whether the server has answered before: one that is away then is waited for, for `awayRetries` repeats. */
  readonly answered?: () => boolean;
  readonly clock: Clock;
  readonly random: Random;
  /** Ends a wait. */
  readonly signal: AbortSignal;
  /** Hears of each wait before it begins. */
  readonly onWait?: (failure: Failure, milliseconds: number) => void;
}

/** Half an hour or so: a server that is started anew, a network that is down for a while. */
const awayRetries = 60;
const firstWait = 1000;
const longestWait = 60_000;
/** A server that asks for more than this is not waited for. */
export const longestRetryAfter = 3_600_000;

/** Exponential back-off with full jitter: uniform in [0, min(60 s, 2^repeats s)); `repeats` counts from 0. */
export const backoff = (repeats: number, random: Random): number =>
  random.float() * Math.min(longestWait, firstWait * 2 ** Math.min(repeats, 30));

/**
 * Calls until it succeeds, fails in a way that will not pass, or has been repeated `retries` times; gives back the
 * last attempt. A server's Retry-After is waited for in full, and longer where the back-off is longer: servers that are
 * overrun say 0. Rejects with the signal's reason during a wait.
 */
export async function withRetries<T>(
  call: () => Promise<Attempt<T>>,
  { retries, answered = () => false, clock, random, signal, onWait }: RetrySettings,
): Promise<Attempt<T>> {
  for (let repeats = 0; ; repeats++) {
    const attempt = await call();
    if ('ok' in attempt || attempt.failure.kind !== 'passing') return attempt;
    const { failure } = attempt;
    if (repeats >= (failure.away && answered() ? Math.max(retries, awayRetries) : retries)) return attempt;
    if ((failure.retryAfter ?? 0) > longestRetryAfter) return attempt;
    const jitter = backoff(repeats, random);
    // Those that were sent away together should not come back together.
    const asked = failure.retryAfter === undefined ? 0 : failure.retryAfter + Math.min(jitter, 1000);
    const wait = Math.max(asked, jitter);
    onWait?.(failure, wait);
    await clock.sleep(wait, signal);
  }
}

/**
 * Milliseconds to wait by "retry-after-ms" or "retry-after", in seconds or as an HTTP date (RFC 9110, 10.2.3);
 * undefined where neither says anything.
 */
export function readRetryAfter(headers: Pick<Headers, 'get'>, now: number): number | undefined {
  const milliseconds = positive(headers.get('retry-after-ms'));
  if (milliseconds !== undefined) return milliseconds;
  const text = headers.get('retry-after');
  const seconds = positive(text);
  if (seconds !== undefined) return seconds * 1000;
  // Date.parse takes numbers for years; an HTTP date has names in it.
  const date = text !== null && /[a-z]{3}/i.test(text) ? Date.parse(text) : NaN;
  return Number.isNaN(date) ? undefined : Math.max(0, date - now);
}

function positive(text: string | null): number | undefined {
  return text !== null && /^\s*\d+(\.\d+)?\s*$/.test(text) ? Number(text) : undefined;
}
