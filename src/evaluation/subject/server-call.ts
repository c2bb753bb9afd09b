// One JSON call of an OpenAI-compatible server, repeated while there is hope. Knows HTTP, no endpoint's fields.
import { WhetstoneError } from '../../errors.ts';
import { systemClock } from '../../openai/clock.ts';
import { readServerError } from '../../judges/chat/completion.ts';
import type { Attempt, Failure } from '../../openai/retry.ts';
import { readRetryAfter, withRetries } from '../../openai/retry.ts';
import { createRandom } from '../../random.ts';

export interface ServerAddress {
  /** Ends in "/v1" or the like, without a slash. */
  readonly url: string;
  readonly model: string;
  readonly key: string | null;
  /** Seconds that a call may take. */
  readonly timeout: number;
  readonly retries: number;
}

/**
 * Posts `body` to `path` and gives back the reply's JSON. `explain` may know a better error for a refusal in the
 * server's words. Throws WhetstoneError `SERVER_REFUSED` (it will not pass), `SERVER_FAILED` (it did not pass in time)
 * and the signal's reason.
 */
export async function callServer(
  address: ServerAddress,
  path: string,
  body: object,
  signal: AbortSignal,
  explain: (words: string) => WhetstoneError | null = () => null,
): Promise<unknown> {
  const attempt = await withRetries(() => post(address, path, body, signal), {
    retries: address.retries,
    clock: systemClock,
    random: createRandom(0),
    signal,
  });
  if ('ok' in attempt) return attempt.ok;
  const { kind, words } = attempt.failure;
  const better = kind === 'passing' ? null : explain(words);
  if (better) throw better;
  throw new WhetstoneError(kind === 'passing' ? 'SERVER_FAILED' : 'SERVER_REFUSED', words, {
    file: `${address.url}${path}`,
    hint:
      kind === 'passing'
        ? 'What was measured so far is kept: the same command goes on.'
        : 'See what the server says; its own log may say more.',
  });
}

async function post(
  { url, key, timeout }: ServerAddress,
  path: string,
  body: object,
  signal: AbortSignal,
): Promise<Attempt<unknown>> {
  const hidden = (text: string): string =>
    key === null || key.length < 8 ? text : text.replaceAll(key, '[key]');
  const failed = (kind: Failure['kind'], words: string, retryAfter?: number): Attempt<never> => ({
    failure: { kind, words: hidden(words), billed: false, ...(retryAfter !== undefined && { retryAfter }) },
  });
  const timeUp = AbortSignal.timeout(timeout * 1000);
  const endpoint = new URL(url);
  endpoint.pathname += path;
  try {
    const response = await fetch(endpoint, {
      method: 'POST',
      redirect: 'manual',
      headers: {
        'content-type': 'application/json',
        accept: 'application/json',
        ...(key !== null && { authorization: `Bearer ${key}` }),
      },
      body: JSON.stringify(body),
      signal: AbortSignal.any([signal, timeUp]),
    });
    const text = await response.text();
    if (response.ok) {
      try {
        return { ok: JSON.parse(text) as unknown };
      } catch {
        return failed('passing', `expected JSON, found ${text.length} characters of something else`);
      }
    }
    const { status, headers, statusText } = response;
    const passing = status === 408 || status === 409 || status === 425 || status === 429 || status >= 500;
    const words = `${status}: ${readServerError(text)?.words || statusText || 'without a word'}`;
    return failed(
      passing && status !== 501 ? 'passing' : 'final',
      words,
      readRetryAfter(headers, Date.now()),
    );
  } catch (error) {
    if (signal.aborted) throw signal.reason;
    if (timeUp.aborted) return failed('passing', `no answer within ${timeout} s`);
    const cause = error instanceof Error && error.cause instanceof Error ? error.cause : error;
    return failed(
      'passing',
      `the server cannot be reached (${cause instanceof Error ? cause.message : String(cause)})`,
    );
  }
}
