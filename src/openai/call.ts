// One call of an OpenAI-compatible server over HTTP: sent, timed, bounded, and its failure named. Repeats nothing, and
// knows no endpoint's fields.
import { isFields } from '../rows/fields.ts';
import { beginning } from '../rows/text.ts';
import { hiding } from './address.ts';
import { createTimer, mebibytes, readBounded } from './body.ts';
import type { Timer } from './body.ts';
import type { Attempt, Failure } from './retry.ts';
import { broken, connectionFailure, failureOf, readServerError } from './server-error.ts';

export interface Call<Reply> {
  /** The whole URL. */
  readonly endpoint: string;
  readonly key: string | null;
  /** JSON. */
  readonly body: string;
  /** Seconds until the headers, and then until the end of the body. */
  readonly timeout: number;
  readonly bodyTimeout: number;
  /** Bytes of the longest body that is read. */
  readonly mostBytes: number;
  /** Whether a body is a text, whatever type the server gives it, and no JSON; default false. */
  readonly asText?: boolean;
  /** Null where a body is not what was asked for. */
  read(this: void, body: unknown): Reply | null;
}

export interface Answer<Reply> {
  readonly reply: Reply;
  /** The whole body as it came, but for the key. */
  readonly raw: unknown;
}

const mostErrorBytes = 1 << 16;

/** Sends a call and reads its answer. `now` dates a Retry-After. A failure is given back, the key taken out of its words. */
export async function send<Reply>(call: Call<Reply>, now: () => number): Promise<Attempt<Answer<Reply>>> {
  const timer = createTimer();
  const hide = hiding(call.key);
  let begun = false;
  try {
    timer.start(call.timeout * 1000);
    const response = await request(call, timer);
    begun = true;
    timer.start(call.bodyTimeout * 1000);
    const attempt = await readAnswer(response, call, { hide, now });
    return 'ok' in attempt ? attempt : failed(attempt.failure, hide);
  } catch (error) {
    const seconds = begun ? call.bodyTimeout : call.timeout;
    const timedOut = timer.signal.aborted ? seconds * 1000 : null;
    return failed(connectionFailure(error, { timedOut, begun }), hide);
  } finally {
    timer.end();
  }
}

const failed = (failure: Failure, hide: (text: string) => string): Attempt<never> => ({
  failure: { ...failure, words: hide(failure.words) },
});

const request = ({ endpoint, key, body }: Call<unknown>, { signal }: Timer): Promise<Response> =>
  fetch(endpoint, {
    method: 'POST',
    redirect: 'manual',
    headers: {
      'content-type': 'application/json',
      accept: 'application/json',
      ...(key !== null && { authorization: `Bearer ${key}` }),
    },
    body,
    signal,
  });

interface Reading {
  readonly hide: (text: string) => string;
  readonly now: () => number;
}

async function readAnswer<Reply>(
  response: Response,
  call: Call<Reply>,
  { hide, now }: Reading,
): Promise<Attempt<Answer<Reply>>> {
  if (!response.ok) {
    const text = await readBounded(response, mostErrorBytes).catch(() => '');
    return { failure: refusal(response, text ?? '', now()) };
  }
  if (call.asText) {
    const raw = hide((await readBounded(response, call.mostBytes)) ?? '');
    const reply = call.read(raw);
    return reply === null ? { failure: broken(beginning(raw, 300)) } : { ok: { reply, raw } };
  }
  const type = response.headers.get('content-type') ?? '';
  if (!/\bjson\b/i.test(type)) {
    const words = readServerError((await readBounded(response, mostErrorBytes)) ?? '')?.words;
    const found = type === '' ? 'a body without a type' : type;
    return { failure: broken(`expected JSON, found ${found}${words ? `: ${words}` : ''}`) };
  }
  const text = await readBounded(response, call.mostBytes);
  // It would be as large, and be paid, the next time.
  if (text === null)
    return {
      failure: { ...broken(`the body is larger than ${mebibytes(call.mostBytes)}`), kind: 'row' },
    };
  return readBody(hide(text), call, now());
}

function readBody<Reply>(text: string, { read }: Call<Reply>, now: number): Attempt<Answer<Reply>> {
  let raw: unknown;
  try {
    raw = JSON.parse(text);
  } catch {
    return { failure: broken(`the body is no whole JSON (${text.length} characters)`) };
  }
  const reply = read(raw);
  if (reply !== null) return { ok: { reply, raw } };
  // Some gateways wrap an error into a successful answer.
  const error = isFields(raw) && raw['error'] ? readServerError(text) : null;
  const status = error && /\b[45]\d\d\b/.exec(error.code);
  if (error && status) return { failure: failureOf(Number(status[0]), error, new Headers(), now) };
  return { failure: broken(error ? error.words : 'the body is no completion') };
}

function refusal(response: Response, text: string, now: number): Failure {
  const { status, statusText, headers } = response;
  if (status >= 300 && status < 400) {
    const to = headers.get('location') ?? 'nowhere';
    const words = `${status}: the server sends the request elsewhere (${to}), which is not followed`;
    return { kind: 'final', words, billed: false };
  }
  return failureOf(status, readServerError(text) ?? { words: statusText, code: '' }, headers, now);
}
