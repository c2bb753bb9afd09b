// An HTTP server's connections: disconnects, draining, slow clients, a line of log a request. Knows nothing of what is asked.
import type { IncomingMessage, Server, ServerResponse } from 'node:http';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Duplex } from 'node:stream';
import { setTimeout as sleep } from 'node:timers/promises';
import { WhetstoneError } from '../errors.ts';
import { ApiError, asApiError, errorBody } from './api-error.ts';
import type { Usage } from './endpoint.ts';
import { sendError, sendJson } from './replies.ts';
import { option } from '../words/option.ts';

export interface ConnectionSettings {
  readonly host: string;
  readonly port: number;
  /** Seconds that requests under way have to end when the server drains. */
  readonly shutdownTimeout: number;
  /** Answers one request. */
  readonly handle: Handler;
  /** Called when the server begins to drain: new requests are to be refused from then on. */
  readonly onDraining?: () => void;
  /** Hears one line a request, without prompts and keys, and of faults of the server itself. */
  readonly log: (line: string, kind: 'request' | 'fault') => void;
  /** In place of the usual limits on slow clients. */
  readonly patience?: Patience | undefined;
}

/** What the log tells of a request; filled in on the way. */
export interface Story {
  path: string;
  model: string | null;
  usage: Usage | null;
  stream: boolean;
}

/** Throws ApiError while nothing has been sent; afterwards what went wrong, which a stream has then told itself. */
export type Handler = (
  request: IncomingMessage,
  response: ServerResponse,
  story: Story,
  signal: AbortSignal,
) => Promise<void>;

/**
 * How long a client may take for the head of a request, for all of it, and until the next; and how often that is looked
 * at. Milliseconds.
 */
export interface Patience {
  readonly headersTimeout: number;
  readonly requestTimeout: number;
  readonly keepAliveTimeout: number;
  readonly connectionsCheckingInterval: number;
}

export interface RunningServer {
  readonly host: string;
  readonly port: number;
  /** "http://127.0.0.1:8080", without a path. */
  readonly url: string;
  /** Requests under way. */
  underWay(): number;
  /**
   * Refuses new requests with 503, drops those whose body has not come whole, and resolves when the others have ended and
   * all connections are closed; after `shutdownTimeout` seconds those are cut off. Returns how many were cut off, at once
   * then, whatever the engine is still about.
   */
  drain(): Promise<number>;
  /** Ends everything under way, and resolves when all connections are closed. */
  close(): Promise<void>;
}

/** Listens. Throws WhetstoneError `CANNOT_LISTEN`. */
export async function openConnections(settings: ConnectionSettings): Promise<RunningServer> {
  const { host, port, handle, log, onDraining = () => undefined, patience = usualPatience } = settings;
  const underWay = new Map<Promise<void>, UnderWay>();
  // Sockets whose request is being answered: an error there must not be written into the answer.
  const answering = new WeakSet<Duplex>();

  const serve = async (
    request: IncomingMessage,
    response: ServerResponse,
    gone: AbortController,
  ): Promise<void> => {
    const began = performance.now();
    const story: Story = { path: '', model: null, usage: null, stream: false };
    const left = (): void => {
      if (!response.writableEnded) gone.abort(new Error('the client is gone'));
    };
    response.on('close', left);
    // A connection that breaks is noticed by its closing; without a listener the error would end the process.
    response.on('error', () => undefined);
    request.on('error', () => undefined);
    let status: number | null = null;
    try {
      await handle(request, response, story, gone.signal);
    } catch (error) {
      if (response.headersSent && response.statusCode === 503) status = 503;
      else if (gone.signal.aborted || (request.destroyed && !request.complete)) status = clientGone;
      else {
        const told = asApiError(error);
        if (told !== error) log(`${new Date().toISOString()} fault ${describeFault(error)}`, 'fault');
        status = told.status;
        if (!response.headersSent) await sendError(request, response, told);
      }
    }
    const ms = performance.now() - began;
    log(logLine(request.method ?? '', status ?? response.statusCode, story, ms), 'request');
    // Under way until the client has all of it.
    if (!response.writableFinished && !response.closed) {
      await new Promise<void>((resolve) => response.once('finish', resolve).once('close', resolve));
    }
  };

  const server = createServer({ ...patience }, (request, response) => {
    const gone = new AbortController();
    const { socket } = request;
    answering.add(socket);
    response.once('close', () => answering.delete(socket));
    const work = serve(request, response, gone).finally(() => underWay.delete(work));
    underWay.set(work, { gone, drop: () => drop(request, response, gone) });
  });
  server.on('clientError', (error, socket) => refuseUnreadable(error, socket, answering.has(socket)));
  await listen(server, host, port);
  const allEnded = async (): Promise<void> => {
    while (underWay.size > 0) await Promise.all(underWay.keys());
  };
  const close = async (): Promise<void> => {
    const closed = new Promise<void>((resolve) => server.close(() => resolve()));
    await allEnded();
    server.closeAllConnections();
    await closed;
  };
  const cut = (): void => {
    for (const { gone } of underWay.values()) gone.abort(new Error('the server is closing'));
    server.closeAllConnections();
  };
  const bound = (server.address() as AddressInfo).port;
  return {
    host,
    port: bound,
    url: `http://${host.includes(':') ? `[${host.replace(/^\[|\]$/g, '')}]` : host}:${bound}`,
    underWay: () => underWay.size,
    drain: async () => {
      onDraining();
      for (const { drop } of underWay.values()) drop();
      server.closeIdleConnections();
      const late = new AbortController();
      const end = allEnded()
        .then(close)
        .then(() => 0);
      const timeout = sleep(1000 * settings.shutdownTimeout, null, { signal: late.signal }).then(() => {
        const cutOff = underWay.size;
        cut();
        return cutOff;
      });
      timeout.catch(() => undefined);
      return Promise.race([end, timeout]).finally(() => late.abort());
    },
    close: async () => {
      onDraining();
      cut();
      await close();
    },
  };
}

/** A request that has come, at least its head. */
interface UnderWay {
  readonly gone: AbortController;
  /** Refuses it if its body has not come whole. */
  readonly drop: () => void;
}

const usualPatience: Patience = {
  headersTimeout: 20_000,
  requestTimeout: 120_000,
  keepAliveTimeout: 5000,
  connectionsCheckingInterval: 1000,
};

function drop(request: IncomingMessage, response: ServerResponse, gone: AbortController): void {
  if (request.complete || response.headersSent) return;
  const error = new ApiError(503, 'The server is shutting down.', { code: 'shutting_down' });
  response.setHeader('connection', 'close');
  response.once('finish', () => request.destroy());
  sendJson(response, error.status, errorBody(error));
  gone.abort(new Error('the server is shutting down'));
}

/** Answers what is no HTTP, too long a head, or too slow a client, and closes the connection. */
function refuseUnreadable(error: NodeJS.ErrnoException, socket: Duplex, isAnswering: boolean): void {
  if (isAnswering || !socket.writable || error.code === 'ECONNRESET') {
    socket.destroy();
    return;
  }
  const [status, phrase, message] =
    error.code === 'HPE_HEADER_OVERFLOW'
      ? [431, 'Request Header Fields Too Large', 'The head of your request is too large.']
      : error.code === 'ERR_HTTP_REQUEST_TIMEOUT'
        ? [408, 'Request Timeout', 'Your request did not come in time.']
        : [400, 'Bad Request', 'Your request is no valid HTTP.'];
  const body = JSON.stringify(errorBody(new ApiError(status, message)));
  socket.end(
    `HTTP/1.1 ${status} ${phrase}\r\nconnection: close\r\ncontent-type: application/json\r\n` +
      `content-length: ${Buffer.byteLength(body)}\r\n\r\n${body}`,
  );
}

/** As nginx writes it: the client closed the connection before its answer was complete. */
const clientGone = 499;

function describeFault(error: unknown): string {
  if (error instanceof WhetstoneError) return `${error.code}: ${error.message}`;
  return error instanceof Error ? (error.stack ?? error.message) : String(error);
}

function logLine(method: string, status: number, { path, model, usage, stream }: Story, ms: number): string {
  const parts = [
    new Date().toISOString(),
    method,
    path,
    status,
    model !== null && `model=${model}`,
    usage && `prompt=${usage.promptTokens} completion=${usage.completionTokens}`,
    stream && 'stream',
    `${ms.toFixed(0)}ms`,
  ];
  return parts.filter((part) => part !== null && part !== false).join(' ');
}

function listen(server: Server, host: string, port: number): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', (cause: NodeJS.ErrnoException) => {
      const why =
        cause.code === 'EADDRINUSE'
          ? 'something else listens there'
          : cause.code === 'EACCES'
            ? 'that is not permitted'
            : cause.message;
      reject(
        new WhetstoneError('CANNOT_LISTEN', `cannot listen on ${host}, port ${port}: ${why}`, {
          hint: `Choose another ${option('port')}; 0 takes any that is free.`,
          cause,
        }),
      );
    });
    server.listen({ port, host: host.replace(/^\[|\]$/g, '') }, resolve);
  });
}
