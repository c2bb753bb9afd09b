// What a server says in the body of an error, and what that means for the request. Knows the shapes, sends nothing.
import { isFields } from '../rows/fields.ts';
import type { Failure } from './retry.ts';
import { longestRetryAfter, readRetryAfter } from './retry.ts';

export interface ServerError {
  readonly words: string;
  readonly code: string;
}

/** A server's words in an error's body, whatever its shape; control characters taken out. Null where there are none. */
export function readServerError(body: string): ServerError | null {
  let value: unknown;
  try {
    value = JSON.parse(body);
  } catch {
    const text = clean(
      body.slice(0, mostPage).replace(/<(?:script|style)[^]*?<\/(?:script|style)>|<[^>]*>/gi, ' '),
    );
    return text === '' ? null : { words: text, code: '' };
  }
  const outer = isFields(value) ? value : {};
  const inner = isFields(outer['error']) ? outer['error'] : {};
  const words = [inner['message'], outer['error'], outer['message'], outer['detail']].find(
    (item) => typeof item === 'string',
  );
  const code = [inner['code'], inner['type'], outer['code'], outer['type']].filter(
    (item) => typeof item === 'string' || typeof item === 'number',
  );
  return { words: clean(words ?? body), code: code.join(' ') };
}

/** Characters of a page that is no JSON which may hold the server's words. */
const mostPage = 4096;

const clean = (text: string): string => {
  // eslint-disable-next-line no-control-regex
  const line = text.replace(/[\s\u0000-\u001f\u007f-\u009f]+/g, ' ').trim();
  return line.length > 300 ? `${line.slice(0, 300)}…` : line;
};

const spentCodes = /insufficient_quota|billing_hard_limit|billing_not_active|account_deactivated/;
const rowCodes = /context_length_exceeded|content_filter|content_policy_violation|string_above_max_length/;

/** What a status of 400 and more means, with the server's words. `now` dates a Retry-After. */
export function failureOf(
  status: number,
  { words: said, code }: ServerError,
  headers: Pick<Headers, 'get'>,
  now: number,
): Failure {
  const words = `${status}${said === '' ? '' : `: ${said}`}`;
  const retryAfter = readRetryAfter(headers, now);
  const passing = status === 408 || status === 409 || status === 425 || status === 429 || status >= 500;
  const kind =
    status === 413 || (status < 500 && rowCodes.test(code))
      ? 'row'
      : passing && status !== 501 && !(status === 429 && spentCodes.test(code))
        ? 'passing'
        : 'final';
  return { kind, words, billed: false, ...(retryAfter !== undefined && { retryAfter }) };
}

/** The answer is there and cannot be read: it may be whole the next time. */
export const broken = (words: string): Failure => ({ kind: 'passing', words, billed: true });

export interface Circumstances {
  /** Milliseconds after which nobody waited any longer; null where something else broke. */
  readonly timedOut: number | null;
  /** Whether the answer had begun. */
  readonly begun: boolean;
}

/** What fetch's own failures mean: no server there, a connection that broke, a certificate that will not do. */
export function connectionFailure(error: unknown, { timedOut, begun }: Circumstances): Failure {
  if (timedOut !== null) {
    return broken(`${begun ? 'the answer did not end' : 'no answer'} within ${timedOut / 1000} s`);
  }
  const cause = error instanceof Error && error.cause instanceof Error ? error.cause : error;
  const code = cause instanceof Error && 'code' in cause ? String(cause.code) : '';
  const message = cause instanceof Error ? cause.message || code : String(cause);
  // "bad port" is one that fetch never connects to.
  const unsafe = /CERT|SELF_SIGNED|UNABLE_TO|ERR_TLS|ERR_SSL/.test(code) || message === 'bad port';
  const unreached =
    /^(?:ECONNREFUSED|ENOTFOUND|EAI_AGAIN|EHOSTUNREACH|ENETUNREACH|UND_ERR_CONNECT_TIMEOUT)$/.test(code);
  const what = begun
    ? 'the connection broke in the middle of the answer'
    : unreached
      ? 'the server cannot be reached'
      : 'the connection broke';
  const kind = unsafe ? 'final' : 'passing';
  return { kind, words: `${what} (${message})`, away: unreached, billed: !unsafe && !unreached };
}

/** A failure that asking again would not help, for people. */
export const refusalText = (name: string, { words }: Failure): string => `${name} refuses: ${words}`;

/** A failure that did not pass in `calls` calls, for people. */
export function unavailableText(name: string, { words, retryAfter = 0 }: Failure, calls: number): string {
  const why =
    retryAfter > longestRetryAfter
      ? `${words} (it asks to wait for ${(retryAfter / 3_600_000).toFixed(1)} hours)`
      : afterCalls(words, calls);
  return `${name} does not answer: ${why}`;
}

export const afterCalls = (words: string, calls: number): string =>
  `no answer after ${calls} calls: ${words}`;
