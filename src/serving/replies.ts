// Sends replies: JSON, errors, streams of events. Knows HTTP, not what is replied.
import type { IncomingMessage, ServerResponse } from 'node:http';
import { setTimeout as sleep } from 'node:timers/promises';
import type { ApiError } from './api-error.ts';
import { errorBody } from './api-error.ts';

/** A client that is still sending when it is refused gets so long to notice. */
const lingerMilliseconds = 2000;

export function sendJson(response: ServerResponse, status: number, body: object): void {
  response.end(beginJson(response, status, body));
}

function beginJson(response: ServerResponse, status: number, body: object): Buffer {
  const bytes = Buffer.from(JSON.stringify(body));
  response.writeHead(status, { 'content-type': 'application/json', 'content-length': bytes.length });
  return bytes;
}

/** Resolves when the client has had time to read it. */
export async function sendError(
  request: IncomingMessage,
  response: ServerResponse,
  error: ApiError,
): Promise<void> {
  if (error.status === 401) response.setHeader('www-authenticate', 'Bearer');
  if (error.status === 503) response.setHeader('connection', 'close');
  if (request.complete || request.headers['content-length'] === '0')
    return sendJson(response, error.status, errorBody(error));
  // The rest of the body would be taken for the next request; closing before it has come would lose the answer.
  response.setHeader('connection', 'close');
  response.write(beginJson(response, error.status, errorBody(error)));
  request.resume();
  const ended = new AbortController();
  const end = (): void => ended.abort();
  request.once('end', end).once('close', end);
  await sleep(lingerMilliseconds, null, { signal: ended.signal }).catch(() => undefined);
  response.end();
}

/**
 * Begins a stream of server-sent events; returns how to send one. Nobody waits until it has been read: past
 * `maxUnsentBytes` the connection is cut.
 */
export function openEventStream(response: ServerResponse, maxUnsentBytes: number): (data: string) => void {
  response.writeHead(200, {
    'content-type': 'text/event-stream; charset=utf-8',
    'cache-control': 'no-cache',
    'x-accel-buffering': 'no', // else a proxy would collect the events
  });
  response.flushHeaders();
  response.socket?.setNoDelay(true);
  return (data) => {
    if (response.destroyed) return;
    response.write(`data: ${data}\n\n`);
    if (response.writableLength > maxUnsentBytes) response.destroy();
  };
}
