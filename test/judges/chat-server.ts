// A chat server on loopback that does as a script says, and remembers what it was asked.
import { createServer } from 'node:http';
import type { IncomingHttpHeaders, ServerResponse } from 'node:http';
import type { AddressInfo, Socket } from 'node:net';

export interface ChatRequestBody {
  readonly model: string;
  readonly messages: readonly { readonly role: string; readonly content: string }[];
  readonly [field: string]: unknown;
}

export interface Received {
  readonly path: string;
  readonly headers: IncomingHttpHeaders;
  readonly body: ChatRequestBody;
  /** All contents of the messages. */
  readonly text: string;
}

/** `index` counts requests from 0. */
export type Script = (request: Received, response: ServerResponse, index: number) => void | Promise<void>;

export interface ChatServer {
  /** "http://127.0.0.1:PORT/v1". */
  readonly url: string;
  readonly received: readonly Received[];
  /** Most requests that were under way at once. */
  most(): number;
  close(): Promise<void>;
}

export async function startChatServer(script: Script, port = 0): Promise<ChatServer> {
  const received: Received[] = [];
  const sockets = new Set<Socket>();
  let active = 0;
  let most = 0;
  const server = createServer((request, response) => {
    const pieces: Buffer[] = [];
    request.on('data', (piece: Buffer) => pieces.push(piece));
    request.on('end', () => {
      const body = JSON.parse(Buffer.concat(pieces).toString('utf8')) as ChatRequestBody;
      const text = body.messages.map(({ content }) => content).join('\n');
      const one: Received = { path: request.url!, headers: request.headers, body, text };
      received.push(one);
      active++;
      most = Math.max(most, active);
      response.on('close', () => active--);
      void script(one, response, received.length - 1);
    });
  });
  server.on('connection', (socket) => {
    sockets.add(socket);
    socket.on('close', () => sockets.delete(socket));
  });
  await new Promise<void>((resolve) => server.listen(port, '127.0.0.1', resolve));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/v1`,
    received,
    most: () => most,
    close: () => {
      for (const socket of sockets) socket.destroy();
      return new Promise((resolve) => void server.close(() => resolve()));
    },
  };
}

/** A chat completion around a message's content. */
export const completion = (
  content: unknown,
  extra: Readonly<Record<string, unknown>> = {},
  choice: Readonly<Record<string, unknown>> = {},
): object => ({
  id: 'c1',
  object: 'chat.completion',
  choices: [{ index: 0, message: { role: 'assistant', content }, finish_reason: 'stop', ...choice }],
  usage: { prompt_tokens: 100, completion_tokens: 10, total_tokens: 110 },
  ...extra,
});

export function json(
  response: ServerResponse,
  status: number,
  value: unknown,
  headers: Record<string, string> = {},
): void {
  response.writeHead(status, { 'content-type': 'application/json', ...headers });
  response.end(JSON.stringify(value));
}

export const apiError = (message: string, code: string | null = null): object => ({
  error: { message, type: 'error', param: null, code },
});
