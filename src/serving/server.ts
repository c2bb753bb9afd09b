// The HTTP server: connections, disconnects, draining, a line of log a request. Knows nothing of what is asked.
import type { IncomingMessage, Server, ServerResponse } from 'node:http';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { WhetstoneError } from '../errors.ts';
import { isLoopback } from './access.ts';
import { asApiError } from './api-error.ts';
import { createHandler } from './handle.ts';
import type { Story } from './handle.ts';
import { sendError } from './replies.ts';
import type { ServedModel } from './served-model.ts';
import { option } from '../words/option.ts';
import { checkOptions } from '../options/check.ts';
import { serverDefaults, serverEntry } from './settings.ts';
import type { ServerSettings } from './settings.ts';

export interface ServerOptions extends Partial<ServerSettings> {
  /** In the order in which they are listed. */
  readonly models: readonly ServedModel[];
  /** Hears one line a request, without prompts and keys, and of faults of the server itself. */
  readonly log?: (line: string, kind: 'request' | 'fault') => void;
}

export interface RunningServer {
  readonly host: string;
  readonly port: number;
  /** "http://127.0.0.1:8080", without a path. */
  readonly url: string;
  /** Requests under way. */
  underWay(): number;
  /** Refuses new requests with 503 and resolves when those under way have ended and all connections are closed. */
  drain(): Promise<void>;
  /** Ends everything under way, and resolves when all connections are closed. */
  close(): Promise<void>;
}

/** Starts the server. Throws WhetstoneError `INVALID_OPTIONS` and `CANNOT_LISTEN`. */
export async function startServer(options: ServerOptions): Promise<RunningServer> {
  const settings = { ...serverDefaults, ...checkOptions(serverEntry, options) };
  const { host, port, apiKey, corsOrigins, maxNewTokens, maxBodyBytes, maxUnsentBytes } = settings;
  const { models, log = () => undefined } = options;
  let draining = false;
  const handle = createHandler({
    models,
    apiKey,
    maxNewTokens,
    maxBodyBytes,
    maxUnsentBytes,
    origins: corsOrigins,
    loopback: isLoopback(host),
    isDraining: () => draining,
  });
  const underWay = new Map<Promise<void>, AbortController>();

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
      if (gone.signal.aborted || (request.destroyed && !request.complete)) status = clientGone;
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

  const server = createServer((request, response) => {
    const gone = new AbortController();
    const work = serve(request, response, gone).finally(() => underWay.delete(work));
    underWay.set(work, gone);
  });
  await listen(server, host, port);
  const close = async (): Promise<void> => {
    const closed = new Promise<void>((resolve) => server.close(() => resolve()));
    while (underWay.size > 0) await Promise.all(underWay.keys());
    server.closeAllConnections();
    await closed;
  };
  const bound = (server.address() as AddressInfo).port;
  return {
    host,
    port: bound,
    url: `http://${host.includes(':') ? `[${host.replace(/^\[|\]$/g, '')}]` : host}:${bound}`,
    underWay: () => underWay.size,
    drain: async () => {
      draining = true;
      while (underWay.size > 0) await Promise.all(underWay.keys());
      await close();
    },
    close: async () => {
      draining = true;
      for (const gone of underWay.values()) gone.abort(new Error('the server is closing'));
      server.closeAllConnections();
      await close();
    },
  };
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
