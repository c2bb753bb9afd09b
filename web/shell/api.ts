// Asks the studio: JSON in and out, streams of events, and one stream of what changes. Knows HTTP, no room.
import { signal } from '@preact/signals';
import type { Refusal } from '../../src/studio/api/session.ts';

/** What the studio refused, in its own words. */
export class RefusedError extends Error {
  readonly code: string | null;
  constructor(message: string, code: string | null) {
    super(message);
    this.code = code;
  }
}

const unreachable =
  'The studio does not answer. Is "whetstone studio" still running in its terminal? What you judged is kept.';

async function ask(path: string, init: RequestInit): Promise<Response> {
  let response: Response;
  try {
    response = await fetch(path, init);
  } catch (error) {
    if (init.signal?.aborted) throw error;
    throw new RefusedError(unreachable, 'unreachable');
  }
  if (response.ok) return response;
  const said = (await response.json().catch(() => null)) as Refusal | null;
  throw new RefusedError(
    said?.error.message ?? `The studio answered ${response.status}.`,
    said?.error.code ?? null,
  );
}

export const getJson = async <T>(path: string, signal?: AbortSignal): Promise<T> =>
  (await (await ask(path, { signal: signal ?? null })).json()) as T;

const post = (path: string, body: object, signal?: AbortSignal): Promise<Response> =>
  ask(path, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify(body),
    signal: signal ?? null,
    // What is being kept when the page is closed still goes out.
    keepalive: signal === undefined,
  });

export const postJson = async <T>(path: string, body: object, signal?: AbortSignal): Promise<T> =>
  (await (await post(path, body, signal)).json()) as T;

/** Sends `body` and hears the events of the answer until it is complete. */
export async function postForEvents<T extends object>(
  path: string,
  body: object,
  onEvent: (event: T) => void,
  signal?: AbortSignal,
): Promise<void> {
  const response = await post(path, body, signal);
  const reader = response.body!.pipeThrough(new TextDecoderStream()).getReader();
  let rest = '';
  for (;;) {
    const { value, done } = await reader.read();
    if (done) return;
    const parts = (rest + value).split('\n\n');
    rest = parts.pop()!;
    for (const part of parts) {
      const event = JSON.parse(part.replace(/^data: /, '')) as T | Refusal;
      if ('error' in event && typeof event.error === 'object' && event.error !== null) {
        const { message, code } = event.error;
        throw new RefusedError(message, code);
      }
      onEvent(event as T);
    }
  }
}

/** Whether the stream of changes is there. */
export const connected = signal(true);

const listeners = new Map<string, Set<(event: never) => void>>();
let source: EventSource | null = null;
let opening = false;

/**
 * Hears a topic's events, what is so now first, until the returned function is called. After a lost connection the first
 * event comes again.
 */
export function listen<T extends object>(topic: string, onEvent: (event: T) => void): () => void {
  const own = listeners.get(topic) ?? new Set();
  listeners.set(topic, own);
  own.add(onEvent);
  reopen();
  return () => {
    own.delete(onEvent);
    if (own.size === 0) listeners.delete(topic);
    reopen();
  };
}

function reopen(): void {
  if (opening) return;
  opening = true;
  queueMicrotask(() => {
    opening = false;
    source?.close();
    source = null;
    if (listeners.size > 0) open();
  });
}

function open(): void {
  const query = [...listeners.keys()].map((topic) => `topic=${encodeURIComponent(topic)}`).join('&');
  const own = new EventSource(`/api/events?${query}`);
  source = own;
  own.onopen = () => (connected.value = true);
  own.onmessage = ({ data }) => {
    const { topic, event } = JSON.parse(data as string) as { topic: string; event: never };
    for (const onEvent of listeners.get(topic) ?? []) onEvent(event);
  };
  own.onerror = () => {
    if (source !== own) return;
    connected.value = false;
    own.close();
    // A browser gives up a stream that was refused; a studio that was started again takes it.
    setTimeout(() => source === own && open(), 1000);
  };
}
