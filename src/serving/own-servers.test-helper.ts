// Servers over a model without weights for tests of what is asked of them, closed after each test.
import { connect } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, expect } from 'vitest';
import { readJsonEvents } from '../openai/stream.ts';
import { fakeModel } from './fake-model.test-helper.ts';
import type { FakeModel } from './fake-model.test-helper.ts';
import { startServer } from './server.ts';
import type { RunningServer } from './connections.ts';
import type { ServerOptions } from './server.ts';

/** Bodies and events, as far as tests look into them. */
export interface Body {
  readonly object: string;
  readonly choices: readonly Choice[];
  readonly usage: object | null;
  readonly error: { readonly message: string; readonly type: string; readonly code: string | null };
  readonly data: readonly { readonly id: string }[];
}
export interface Choice {
  readonly index: number;
  readonly text: string;
  readonly message: { readonly content: string };
  readonly delta: object;
  readonly finish_reason: string | null;
  readonly logprobs: Readonly<Record<string, readonly unknown[]>> | null;
}
export interface Replied {
  readonly status: number;
  readonly body: Body;
  readonly headers: Headers;
}
export interface Started {
  readonly url: string;
  readonly server: RunningServer;
  readonly log: string[];
  readonly post: (path: string, body: unknown, init?: RequestInit) => Promise<Replied>;
}

export type Start = (model?: FakeModel, options?: Partial<ServerOptions>) => Promise<Started>;

/** Starts servers that end with their test. */
export function ownServers(): Start {
  let running: RunningServer[] = [];
  afterEach(async () => {
    await Promise.all(running.map((server) => server.close()));
    running = [];
  });
  return async (model = fakeModel(), options = {}) => {
    const log: string[] = [];
    const server = await startServer({ models: [model], log: (line) => void log.push(line), ...options });
    running.push(server);
    return {
      ...{ url: server.url, server, log },
      post: async (path, body, init = {}) => {
        const response = await fetch(server.url + path, {
          method: 'POST',
          headers: { 'content-type': 'application/json' },
          body: typeof body === 'string' ? body : JSON.stringify(body),
          ...init,
        });
        return { status: response.status, body: (await response.json()) as Body, headers: response.headers };
      },
    };
  };
}

export const chat = (content: string, more: object = {}): object => ({
  ...{ model: 'fake', messages: [{ role: 'user', content }], temperature: 0 },
  ...more,
});
/** The events of a stream; it has to end with "[DONE]". */
export async function events(response: Response): Promise<Body[]> {
  const { values, done } = await readJsonEvents(response.body!);
  expect(done).toBe(true);
  return values as Body[];
}
export const until = async (test: () => boolean): Promise<void> => {
  for (let i = 0; i < 1000 && !test(); i++) await sleep(5);
  expect(test()).toBe(true);
};

export function raw(server: RunningServer, bytes: string): Promise<string> {
  return new Promise((resolve) => {
    const socket = connect(server.port, '127.0.0.1', () => socket.write(bytes));
    let text = '';
    socket.on('error', () => undefined);
    socket.on('data', (data) => (text += data.toString())).on('close', () => resolve(text));
  });
}
