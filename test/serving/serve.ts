// `whetstone serve` as a process of its own, with the official client of OpenAI's API at its address.
import type { ChildProcess } from 'node:child_process';
import OpenAI from 'openai';
import type { Cli, Finished } from '../cli/command.ts';

export interface Serving {
  readonly child: ChildProcess;
  readonly finished: Promise<Finished>;
  readonly url: string;
  /** Tries nothing twice, and brings the key "sesame". */
  readonly client: OpenAI;
}

/** Serves at a free port. Rejects with what the process said where it ends before it serves. */
export async function serve(
  cli: Cli,
  args: readonly string[],
  env: Record<string, string> = {},
): Promise<Serving> {
  const { child, finished } = cli.start(['serve', '--port', '0', '--threads', '1', ...args], { env });
  const url = await new Promise<string>((resolve, reject) => {
    let text = '';
    child.stdout!.on('data', (part: string) => {
      text += part;
      const [, found] = /at (http\S+)\n/.exec(text) ?? [];
      if (found) resolve(found);
    });
    void finished.then(({ stderr }) => reject(new Error(stderr)));
  });
  return { child, finished, url, client: new OpenAI({ baseURL: url, apiKey: 'sesame', maxRetries: 0 }) };
}
