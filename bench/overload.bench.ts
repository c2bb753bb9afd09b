// What a server's others notice of prompts that are far too long, and what is left of them in memory.
//   npm run build && node scripts/run-ts.mjs bench/overload.bench.ts --model DIR [--rounds 1] [--prompts 20] [--bytes 4000000]
// Against a server in a process of its own: for each kind of text so many prompts at once, while /health is asked every
// 20 ms and a short honest request is sent every 200 ms. Prints the slowest /health, the slowest honest request, how
// many prompts were answered with which status, the server's resident memory before, at its peak and 5 s after, and how
// long this process held itself up, which is part of what it measured.
// Exits with 1 where /health took more than 250 ms, an honest request failed, or memory stayed more than 10% above before.
import { spawn } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { request } from 'node:http';
import { basename, resolve } from 'node:path';
import { monitorEventLoopDelay } from 'node:perf_hooks';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';

const { values: args } = parseArgs({
  options: {
    model: { type: 'string' },
    rounds: { type: 'string', default: '1' },
    prompts: { type: 'string', default: '20' },
    bytes: { type: 'string', default: '4000000' },
    kind: { type: 'string', default: '' },
  },
});
if (!args.model) throw new Error('--model is needed');
const bytes = Number(args.bytes);
const model = basename(resolve(args.model));

const fill = (part: string): string => part.repeat(Math.floor(bytes / Buffer.byteLength(part)));
const chat = (content: unknown): object => ({ messages: [{ role: 'user', content }] });
const kinds: Readonly<Record<string, () => [path: string, body: object]>> = {
  'many short words': () => ['completions', { prompt: fill('to be or ') }],
  'unbroken text': () => ['completions', { prompt: fill('abcdefghijklmnopqrstuvwxyz') }],
  emoji: () => ['completions', { prompt: fill('🙂') }],
  'white space': () => ['completions', { prompt: fill(' ') }],
  'a chat of one message': () => ['chat/completions', chat(fill('many words '))],
  'a chat of 100000 parts': () => [
    'chat/completions',
    chat(Array.from({ length: 100_000 }, () => ({ type: 'text', text: 'x y' }))),
  ],
  'a chat of 50000 messages': () => [
    'chat/completions',
    { messages: Array.from({ length: 50_000 }, () => ({ role: 'user', content: 'hello' })) },
  ],
  'a list of token ids': () => ['completions', { prompt: Array<number>(bytes / 4).fill(100) }],
  'a list of texts': () => ['completions', { prompt: Array<string>(bytes / 4).fill('a') }],
  'a million stop strings': () => ['completions', { prompt: 'a', stop: Array<string>(bytes / 4).fill('b') }],
};

const cli = fileURLToPath(new URL('../dist/cli/main.js', import.meta.url));
const child = spawn(process.execPath, [cli, 'serve', '--model', args.model, '--port', '0', '--quiet'], {
  stdio: ['ignore', 'pipe', 'inherit'],
});
const url = await new Promise<string>((found, failed) => {
  child.once('exit', () => failed(new Error('the server did not start')));
  let text = '';
  child.stdout.on('data', (part: Buffer) => {
    text += part.toString();
    const [, at] = /at (http\S+)\/v1\n/.exec(text) ?? [];
    if (at) found(at);
  });
});
const resident = (): number => {
  const [, pages] = readFileSync(`/proc/${child.pid}/statm`, 'utf8').split(' ');
  return (Number(pages) * 4096) / 1e6;
};
const ask = (path: string, body?: Buffer): Promise<number> =>
  new Promise((resolved, failed) => {
    const headers = body && { 'content-type': 'application/json', 'content-length': body.length };
    const sending = request(`${url}${path}`, { method: body ? 'POST' : 'GET', headers }, (response) => {
      response.resume().on('end', () => resolved(response.statusCode!));
    });
    sending.on('error', failed).end(body);
  });
const post = (path: string, body: Buffer): Promise<number> => ask(`/v1/${path}`, body);
const honest = Buffer.from(JSON.stringify({ model, prompt: 'Say river.', max_tokens: 4, temperature: 0 }));

interface Watch {
  slowest: number;
  failed: number;
}
/** Asks again and again until `over`. */
async function watch(every: number, over: () => boolean, ask: () => Promise<number>): Promise<Watch> {
  const seen: Watch = { slowest: 0, failed: 0 };
  const asked: Promise<void>[] = [];
  while (!over()) {
    const began = performance.now();
    asked.push(
      ask().then(
        (status) => {
          seen.slowest = Math.max(seen.slowest, performance.now() - began);
          if (status !== 200) seen.failed++;
        },
        () => void seen.failed++,
      ),
    );
    await sleep(every);
  }
  await Promise.all(asked);
  return seen;
}

let bad = false;
for (let i = 0; i < 5; i++) await post('completions', honest);
const own = monitorEventLoopDelay({ resolution: 5 });
own.enable();
for (let round = 0; round < Number(args.rounds); round++) {
  for (const [kind, make] of Object.entries(kinds)) {
    if (!kind.startsWith(args.kind)) continue;
    const [path, body] = make();
    // Made before the clock runs: this process must not be what is slow.
    const sent = Buffer.from(JSON.stringify({ model, ...body }));
    const before = resident();
    let peak = before;
    let over = false;
    const memory = setInterval(() => (peak = Math.max(peak, resident())), 20);
    const watching = Promise.all([
      watch(
        20,
        () => over,
        () => ask('/health'),
      ),
      watch(
        200,
        () => over,
        () => post('completions', honest),
      ),
    ]);
    own.reset();
    const began = performance.now();
    const statuses = await Promise.all(
      Array.from({ length: Number(args.prompts) }, () => post(path, sent).catch(() => 0)),
    );
    const seconds = (performance.now() - began) / 1000;
    over = true;
    const [asked, answered] = await watching;
    const held = own.max / 1e6;
    await sleep(5000);
    clearInterval(memory);
    const after = resident();
    const told = [...new Set(statuses)].map((s) => `${statuses.filter((each) => each === s).length} x ${s}`);
    console.log(
      `${kind}: ${told.join(', ')} in ${seconds.toFixed(1)} s; /health at most ${asked.slowest.toFixed(0)} ms; ` +
        `honest at most ${answered.slowest.toFixed(0)} ms, ${answered.failed} failed; ` +
        `MB ${before.toFixed(0)} -> ${peak.toFixed(0)} -> ${after.toFixed(0)}; ` +
        `this process at most ${held.toFixed(0)} ms`,
    );
    if (asked.slowest > 250 || asked.failed + answered.failed > 0 || after > 1.1 * before) bad = true;
  }
}
child.kill('SIGTERM');
process.exitCode = bad ? 1 : 0;
