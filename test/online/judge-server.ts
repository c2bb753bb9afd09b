// A chat server that judges, for tests of online runs: what it says follows from what it is asked, and it remembers
// every request.
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { createHash } from 'node:crypto';
import { replyKey } from '../../src/openai/replies.ts';

export interface JudgeServer {
  /** For --judge. */
  readonly spec: string;
  /** Every request in the order in which they came, by the key under which its reply is kept. */
  readonly asked: readonly string[];
  close(): Promise<void>;
}

/** `delay` in milliseconds before each answer; `say` makes the judgment from a number in [0, 256). */
export async function startJudgeServer(
  delay: () => number,
  say: (byte: number) => string = (byte) =>
    byte % 3 === 0 ? 'Perfect.' : `The ${['first', 'second', 'last'][byte % 3]} part is wrong.`,
): Promise<JudgeServer> {
  const asked: string[] = [];
  const server = createServer((request, response) => {
    const parts: Buffer[] = [];
    request.on('data', (part: Buffer) => parts.push(part));
    request.on('end', () => {
      void (async () => {
        const body = Buffer.concat(parts).toString('utf8');
        asked.push(replyKey(`http://${request.headers.host}${request.url}`, body));
        await sleep(delay());
        const content = say(createHash('sha256').update(body).digest()[0]!);
        response.setHeader('content-type', 'application/json');
        response.end(
          JSON.stringify({
            choices: [{ index: 0, message: { role: 'assistant', content }, finish_reason: 'stop' }],
            usage: { prompt_tokens: 100, completion_tokens: 10, total_tokens: 110 },
          }),
        );
      })();
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  return {
    spec: `http://127.0.0.1:${port}/v1#judge`,
    asked,
    close: () =>
      new Promise((resolve) => {
        server.closeAllConnections();
        server.close(() => resolve());
      }),
  };
}
