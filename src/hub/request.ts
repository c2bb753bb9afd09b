// Requests to the hub: redirects that never carry the token elsewhere, retries, and refusals in words. Knows HTTP,
// nothing of files on disk.
import { WhetstoneError } from '../errors.ts';
import { createTimer } from '../openai/body.ts';
import { systemClock } from '../openai/clock.ts';
import { readRetryAfter } from '../openai/retry.ts';
import type { HubSettings } from './settings.ts';
import type { Repository } from './repository.ts';
import { words } from './repository.ts';

export interface HubRequestInit {
  readonly method: 'GET' | 'HEAD' | 'POST' | 'PUT';
  /** First byte wanted; default 0. */
  readonly from?: number;
  /** Whether to follow a redirect to another host, where contents are, or to hand it back. */
  readonly elsewhere: 'follow' | 'return';
  readonly headers?: Readonly<Record<string, string>>;
  /** Made anew for each hop; `onPiece`, called as pieces go out, keeps the connection from counting as silent. */
  readonly body?: (onPiece: () => void) => string | ReadableStream<Uint8Array>;
  readonly signal?: AbortSignal | undefined;
}

/**
 * One request with its redirects. Resolves with any answer of the server; throws WhetstoneError `HUB_UNREACHABLE`
 * where none begins in time.
 */
export async function send(settings: HubSettings, url: string, init: HubRequestInit): Promise<Response> {
  const home = new URL(settings.endpoint).origin;
  let target = new URL(url);
  for (let hop = 0; hop < 10; hop++) {
    const timer = createTimer();
    timer.start(settings.answerTimeout);
    let response: Response;
    try {
      response = await fetch(target, {
        method: init.method,
        redirect: 'manual',
        signal: init.signal ? AbortSignal.any([init.signal, timer.signal]) : timer.signal,
        ...(init.body && {
          body: init.body(() => timer.start(settings.answerTimeout)),
          duplex: 'half' as const,
        }),
        headers: {
          ...init.headers,
          'user-agent': 'whetstone',
          'accept-encoding': 'identity', // sizes and ranges are those of the file
          ...(init.from !== undefined && init.from > 0 && { range: `bytes=${init.from}-` }),
          ...(settings.token !== null &&
            target.origin === home && { authorization: `Bearer ${settings.token}` }),
        },
      });
    } catch (cause) {
      init.signal?.throwIfAborted();
      throw unreachable(target.host, cause);
    } finally {
      timer.end();
    }
    const location = response.status >= 300 && response.status < 400 && response.headers.get('location');
    if (!location) return response;
    const next = URL.canParse(location, target.href) ? new URL(location, target) : null;
    if (next === null || !/^https?:$/.test(next.protocol)) {
      await response.body?.cancel();
      throw new WhetstoneError('HUB_ANSWER', `${target.host} redirects to what is no web address`);
    }
    if (init.elsewhere === 'return' && next.origin !== home) return response;
    await response.body?.cancel();
    target = next;
  }
  throw new WhetstoneError('HUB_ANSWER', `${home} redirects without end`);
}

/** For a connection that failed or broke; `retry` gives it another try, not before `retryAfter` milliseconds. */
export function unreachable(host: string, cause: unknown, retryAfter = 0): WhetstoneError {
  const found = cause as {
    message?: string;
    code?: string;
    cause?: { message?: string; code?: string };
  } | null;
  const why = found?.cause?.code ?? found?.cause?.message ?? found?.code ?? found?.message ?? 'no answer';
  return new WhetstoneError('HUB_UNREACHABLE', `${host} cannot be reached (${why})`, {
    cause: { error: cause, retryAfter },
    hint: 'Check the connection, or HF_ENDPOINT; with HF_HUB_OFFLINE=1 only what is in the cache is used.',
  });
}

/** Milliseconds: a hub that asks for more is asked again after this. */
const longestRetryAfter = 60_000;

/**
 * Runs `attempt` until it resolves, up to `attempts` times while it throws `HUB_UNREACHABLE`, with a pause that
 * doubles (or is what the server asks for, up to a minute). `alive`, called by an attempt that got further than those
 * before it, gives all tries back.
 */
export async function retry<T>(
  { retryDelay }: Pick<HubSettings, 'retryDelay'>,
  attempts: number,
  signal: AbortSignal | undefined,
  attempt: (alive: () => void) => Promise<T>,
): Promise<T> {
  for (let failed = 0; ;) {
    try {
      return await attempt(() => (failed = 0));
    } catch (error) {
      failed++;
      signal?.throwIfAborted();
      if (!(error instanceof WhetstoneError) || error.code !== 'HUB_UNREACHABLE' || failed >= attempts)
        throw error;
      const asked = (error.cause as { retryAfter?: number } | undefined)?.retryAfter ?? 0;
      const pause = Math.max(retryDelay * 2 ** (failed - 1), Math.min(asked, longestRetryAfter));
      await systemClock.sleep(pause, signal);
    }
  }
}

/** The body piece by piece; a connection that breaks, or is silent for too long, throws `HUB_UNREACHABLE`. */
export async function* pieces(
  { body, url }: Pick<Response, 'body' | 'url'>,
  { stallTimeout }: Pick<HubSettings, 'stallTimeout'>,
  signal: AbortSignal | undefined,
): AsyncGenerator<Uint8Array, void, undefined> {
  if (body === null) return;
  const reader = body.getReader();
  try {
    for (;;) {
      let timer: NodeJS.Timeout | undefined;
      const silence = new Promise<never>((_, reject) => {
        timer = setTimeout(() => reject(new Error('silent for too long')), stallTimeout);
      });
      try {
        const piece = await Promise.race([reader.read(), silence]);
        if (piece.done) return;
        yield piece.value as Uint8Array;
      } catch (cause) {
        signal?.throwIfAborted();
        throw unreachable(new URL(url).host, cause);
      } finally {
        clearTimeout(timer);
      }
    }
  } finally {
    await reader.cancel().catch(() => undefined);
  }
}

/** The answer if it is one of success; otherwise throws what it means. */
export async function accept(
  settings: HubSettings,
  repository: Repository,
  response: Response,
  file?: string,
): Promise<Response> {
  const { status, headers } = response;
  if (status < 400) return response;
  await response.body?.cancel();
  const host = new URL(settings.endpoint).host;
  if (status === 408 || status === 429 || status >= 500) {
    throw unreachable(host, { message: `HTTP ${status}` }, readRetryAfter(headers, systemClock.now()));
  }
  throw refusal(settings, repository, status, headers.get('x-error-code') ?? '', file);
}

function refusal(
  { endpoint, token }: HubSettings,
  { kind, id, revision }: Repository,
  status: number,
  code: string,
  file: string | undefined,
): WhetstoneError {
  const what = `the ${words[kind]} ${id}`;
  const page = `${endpoint}/${kind === 'dataset' ? 'datasets/' : ''}${id}`;
  const credential =
    token === null
      ? 'Set HF_TOKEN to a token of an account that may read it.'
      : 'The account of the token in use (HF_TOKEN or the token file) may not read it, or the token is not valid.';
  if (code === 'GatedRepo') {
    return new WhetstoneError('HUB_ACCESS', `${what} is gated (HTTP ${status})`, {
      hint: `Accept its terms at ${page}. ${credential}`,
    });
  }
  if (code === 'RevisionNotFound') {
    return new WhetstoneError('HUB_NOT_FOUND', `${what} has no revision ${JSON.stringify(revision)}`, {
      hint: `${page}/tree/main shows its branches and tags.`,
    });
  }
  if (code === 'EntryNotFound') {
    return new WhetstoneError('HUB_NOT_FOUND', `${what} has no file ${JSON.stringify(file)} at ${revision}`);
  }
  if (code === 'RepoNotFound' || status === 404) {
    return new WhetstoneError(
      'HUB_NOT_FOUND',
      `there is no ${words[kind]} ${id}, or it is private (HTTP ${status})`,
      {
        hint: `Check the spelling at ${page}. If it is private: ${credential}`,
      },
    );
  }
  if (status === 401 || status === 403) {
    return new WhetstoneError('HUB_ACCESS', `${what} may not be read (HTTP ${status})`, { hint: credential });
  }
  return new WhetstoneError('HUB_ANSWER', `the hub answered HTTP ${status} when asked for ${file ?? what}`);
}
