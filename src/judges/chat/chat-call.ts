// One call of a chat server over HTTP: sent, timed, bounded, and its failure named. Repeats nothing, reads no judgment.
import { readCompletion, readServerError } from './completion.ts';
import type { Completion } from './completion.ts';
import type { Attempt, Failure } from '../../openai/retry.ts';
import { readRetryAfter } from '../../openai/retry.ts';

export interface ChatServer {
  /** Where calls go, "/chat/completions" included. */
  readonly endpoint: string;
  readonly key: string | null;
  /** Seconds until the headers, and then until the end of the body. */
  readonly timeout: number;
  readonly bodyTimeout: number;
}

export interface ChatReply {
  readonly completion: Completion;
  /** The whole body as it came, but for the key. */
  readonly raw: unknown;
}

const mostBytes = 4 << 20;
const mostErrorBytes = 1 << 16;

/**
 * Sends `body` and reads a completion. `now` dates a Retry-After. Rejects with the signal's reason once that is
 * aborted; every other failure is given back, the key taken out of its words.
 */
export async function callChat(
  server: ChatServer,
  body: string,
  now: () => number,
  signal: AbortSignal,
): Promise<Attempt<ChatReply>> {
  const timer = createTimer(signal);
  // A short "key" such as "none" is no secret, and may be a word of the judgment.
  const secret = server.key !== null && server.key.length >= 8 ? server.key : null;
  const hidden = (text: string): string => (secret === null ? text : text.replaceAll(secret, '[key]'));
  let begun = false;
  try {
    timer.start(server.timeout);
    const response = await fetch(server.endpoint, {
      method: 'POST',
      redirect: 'manual',
      headers: {
        'content-type': 'application/json',
        accept: 'application/json',
        ...(server.key !== null && { authorization: `Bearer ${server.key}` }),
      },
      body,
      signal: timer.signal,
    });
    begun = true;
    timer.start(server.bodyTimeout);
    if (!response.ok) {
      const text = await readBounded(response, mostErrorBytes).catch((error: unknown) => {
        if (signal.aborted) throw error;
        return '';
      });
      const failure = refusal(response, text ?? '', now());
      return { failure: { ...failure, words: hidden(failure.words) } };
    }
    const type = response.headers.get('content-type') ?? '';
    if (!/\bjson\b/i.test(type)) {
      const text = hidden((await readBounded(response, mostErrorBytes)) ?? '');
      const words = readServerError(text)?.words;
      return broken(
        `expected JSON, found ${type === '' ? 'a body without a type' : type}${words ? `: ${words}` : ''}`,
      );
    }
    const text = await readBounded(response, mostBytes);
    if (text === null) return broken(`the body is larger than ${mostBytes >> 20} MiB`);
    return readBody(hidden(text), now());
  } catch (error) {
    if (signal.aborted) throw signal.reason;
    return { failure: connectionFailure(error, { timedOut: timer.signal.aborted, begun, server, hidden }) };
  } finally {
    timer.end();
  }
}

function readBody(text: string, now: number): Attempt<ChatReply> {
  let raw: unknown;
  try {
    raw = JSON.parse(text);
  } catch {
    return broken(`the body is no whole JSON (${text.length} characters)`);
  }
  const completion = readCompletion(raw);
  if (completion) return { ok: { completion, raw } };
  // Some gateways wrap an error into a successful answer.
  const error =
    typeof raw === 'object' && raw !== null && 'error' in raw && raw.error ? readServerError(text) : null;
  const status = error && /\b[45]\d\d\b/.exec(error.code);
  if (error && status)
    return { failure: failureOf(Number(status[0]), error.words, error.code, new Headers(), now) };
  return broken(error ? error.words : 'the body is no chat completion');
}

const broken = (words: string): Attempt<never> => ({ failure: { kind: 'passing', words, billed: true } });

function refusal(response: Response, text: string, now: number): Failure {
  const { status, headers } = response;
  if (status >= 300 && status < 400) {
    const to = headers.get('location') ?? 'nowhere';
    return {
      kind: 'final',
      words: `${status}: the server sends the request elsewhere (${to}), which is not followed`,
      billed: false,
    };
  }
  const error = readServerError(text);
  return failureOf(status, error?.words ?? response.statusText, error?.code ?? '', headers, now);
}

const spentCodes = /insufficient_quota|billing_hard_limit|billing_not_active|account_deactivated/;
const rowCodes = /context_length_exceeded|content_filter|content_policy_violation|string_above_max_length/;

function failureOf(
  status: number,
  serverWords: string,
  code: string,
  headers: Pick<Headers, 'get'>,
  now: number,
): Failure {
  const words = `${status}${serverWords === '' ? '' : `: ${serverWords}`}`;
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

interface Circumstances {
  readonly timedOut: boolean;
  readonly begun: boolean;
  readonly server: ChatServer;
  readonly hidden: (text: string) => string;
}

function connectionFailure(error: unknown, { timedOut, begun, server, hidden }: Circumstances): Failure {
  if (timedOut) {
    const words = begun
      ? `the answer did not end within ${server.bodyTimeout} s`
      : `no answer within ${server.timeout} s`;
    return { kind: 'passing', words, billed: true };
  }
  const cause = error instanceof Error && error.cause instanceof Error ? error.cause : error;
  const code = cause instanceof Error && 'code' in cause ? String(cause.code) : '';
  const message = cause instanceof Error ? cause.message || code : String(cause);
  // "bad port" is one that fetch never connects to.
  const unsafe = /CERT|SELF_SIGNED|UNABLE_TO|ERR_TLS|ERR_SSL/.test(code) || message === 'bad port';
  const unreached =
    /^(?:ECONNREFUSED|ENOTFOUND|EAI_AGAIN|EHOSTUNREACH|ENETUNREACH|UND_ERR_CONNECT_TIMEOUT)$/.test(code);
  const words = hidden(
    `${begun ? 'the connection broke in the middle of the answer' : unreached ? 'the server cannot be reached' : 'the connection broke'} (${message})`,
  );
  return { kind: unsafe ? 'final' : 'passing', words, away: unreached, billed: !unsafe && !unreached };
}

/** The body as text; null, and the rest is not waited for, if it is longer than `most` bytes. */
async function readBounded(response: Response, most: number): Promise<string | null> {
  const pieces: Uint8Array[] = [];
  let size = 0;
  for await (const piece of response.body ?? []) {
    size += (piece as Uint8Array).byteLength;
    if (size > most) return null;
    pieces.push(piece as Uint8Array);
  }
  return Buffer.concat(pieces).toString('utf8');
}

interface Timer {
  /** Aborted when the time is up or the outer signal is aborted. */
  readonly signal: AbortSignal;
  /** From now on there are so many seconds. */
  start(seconds: number): void;
  end(): void;
}

function createTimer(outer: AbortSignal): Timer {
  const abort = new AbortController();
  let handle: NodeJS.Timeout | undefined;
  const giveUp = (): void => abort.abort(outer.reason);
  if (outer.aborted) giveUp();
  outer.addEventListener('abort', giveUp, { once: true });
  return {
    signal: abort.signal,
    start: (seconds) => {
      clearTimeout(handle);
      handle = setTimeout(() => abort.abort(new Error('time is up')), seconds * 1000);
    },
    end: () => {
      clearTimeout(handle);
      outer.removeEventListener('abort', giveUp);
    },
  };
}
