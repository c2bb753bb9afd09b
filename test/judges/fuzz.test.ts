// Whatever a chat server or a command sends: a judge takes it in time, and every row has an outcome, or the call an error
// with a code. Counted in inputs: so many of each kind, from fixed seeds.
import { rm, mkdtemp, writeFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { WhetstoneError } from '../../src/errors.ts';
import { openCommandJudge } from '../../src/judges/program/command.ts';
import type { Outcome } from '../../src/judges/judge.ts';
import { readable } from '../../src/cli/terminal.ts';
import { ask, rows } from './ask.ts';

const longest = 2000;

/** Bytes that could move a cursor or change colours, in what a terminal is shown of an answer. */
// eslint-disable-next-line no-control-regex
const escapes = /[\u0000-\u0008\u000b-\u001f\u007f-\u009f]/;

const shown = (outcome: Outcome): string =>
  readable('unscored' in outcome ? outcome.unscored : (outcome.judgment ?? ''));

const words = fc.constantFrom(
  ...[
    'It is wrong.',
    'Perfect.',
    '```',
    '\u001b[2J\u001b]0;title\u0007',
    '{"judgment":',
    'null',
    '}',
    '\u0000',
  ],
  ...[
    '<think>',
    'N/A',
    '\ud83d',
    '\u009b31m',
    'I cannot judge.',
    '\n',
    '\r',
    '"',
    '\u202e',
    'x'.repeat(3000),
  ],
);
const text = fc.array(words, { maxLength: 6 }).map((parts) => parts.join(''));

const value: fc.Arbitrary<unknown> = fc.letrec((tie) => ({
  any: fc.oneof(
    { depthSize: 'small' },
    text,
    fc.double(),
    fc.boolean(),
    fc.constant(null),
    fc.array(tie('any'), { maxLength: 3 }),
    fc.dictionary(
      fc.constantFrom(
        ...[
          'choices',
          'message',
          'content',
          'refusal',
          'finish_reason',
          'usage',
          'error',
          '__proto__',
          'text',
        ],
        ...[
          'prompt_tokens',
          'completion_tokens',
          'index',
          'code',
          'type',
          'reasoning_content',
          'constructor',
        ],
      ),
      tie('any'),
      { maxKeys: 4 },
    ),
  ),
})).any;

const likely = fc.record({
  choices: fc.array(
    fc.record(
      { message: fc.record({ content: value, refusal: value }, { requiredKeys: [] }), finish_reason: value },
      { requiredKeys: ['message'] },
    ),
    { maxLength: 2 },
  ),
  usage: fc.oneof(value, fc.record({ prompt_tokens: value, completion_tokens: value })),
});

const body = fc.oneof(
  likely.map((each) => JSON.stringify(each)),
  likely.map((each) => JSON.stringify(each)),
  value.map((each) => JSON.stringify(each) ?? ''),
  text,
  fc.tuple(likely, fc.nat(200)).map(([each, cut]) => JSON.stringify(each).slice(0, cut)),
);

interface Served {
  readonly status: number;
  readonly type: string;
  readonly length: number | null;
  readonly retryAfter: string | null;
  readonly body: string;
}
const served: fc.Arbitrary<Served> = fc.record({
  status: fc.constantFrom(
    200,
    200,
    200,
    200,
    201,
    204,
    206,
    301,
    302,
    400,
    401,
    404,
    413,
    418,
    429,
    500,
    503,
    599,
  ),
  type: fc.constantFrom('application/json', 'application/json', 'text/html', 'text/event-stream', ''),
  length: fc.option(fc.nat(5000), { freq: 6 }),
  retryAfter: fc.option(fc.constantFrom('0', '1', '-1', 'soon', '1e9', 'Fri, 31 Dec 9999 23:59:59 GMT'), {
    freq: 4,
  }),
  body,
});

let server: Server;
let url: string;
let answers: readonly Served[] = [];
let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'whetstone-fuzz-'));
  let calls = 0;
  server = createServer((request, response) => {
    request.resume();
    request.on('end', () => {
      const { status, type, length, retryAfter, body: sent } = answers[calls++ % answers.length]!;
      response.on('error', () => {});
      if (type !== '') response.setHeader('content-type', type);
      if (retryAfter !== null) response.setHeader('retry-after', retryAfter);
      if (length !== null) response.setHeader('content-length', length);
      response.writeHead(status, status < 400 && status >= 300 ? { location: '/v1/elsewhere' } : {});
      response.write(sent, () => (length === null ? response.end() : response.destroy()));
    });
  });
  await new Promise<void>((done) => server.listen(0, '127.0.0.1', done));
  url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/v1`;
});
afterAll(async () => {
  server.closeAllConnections();
  server.close();
  await rm(folder, { recursive: true, force: true });
});

const serverInputs = 300;
const commandInputs = 150;

describe('fuzz', () => {
  it(`${serverInputs} servers`, async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(served, { minLength: 1, maxLength: 3 }), async (some) => {
        answers = some;
        const began = performance.now();
        const { outcomes, error, notes, usage } = await ask(url, rows(3), {
          ...{ timeout: 0.5, bodyTimeout: 0.2, retries: 1, maxTokens: 20, inputPrice: 1, outputPrice: 1 },
        });
        expect(performance.now() - began).toBeLessThan(longest);
        if (error === null) expect(Object.keys(outcomes)).toHaveLength(3);
        else expect(error.code).toMatch(/^JUDGE_(?:REFUSED|UNAVAILABLE)$/);
        for (const each of [
          ...Object.values(outcomes).map(shown),
          ...notes.map(readable),
          readable(error?.message ?? ''),
        ])
          expect(each).not.toMatch(escapes);
        for (const outcome of Object.values(outcomes))
          if (!('unscored' in outcome))
            expect(outcome.judgment?.length ?? 0).toBeLessThanOrEqual(1024 + 20 * 32);
        expect(usage.cost).toBeGreaterThanOrEqual(0);
      }),
      { seed: 2728, numRuns: serverInputs },
    );
  }, 120_000);

  const line = fc.oneof(
    fc
      .record({ id: fc.constantFrom('r0', 'r1', 'r2', 'r9', 0), judgment: value })
      .map((each) => JSON.stringify(each)),
    value.map((each) => JSON.stringify(each) ?? ''),
    text,
  );
  const output = fc.tuple(
    fc.array(line, { maxLength: 8 }),
    fc.constantFrom('\n', '\r\n', '', '\n\n'),
    fc.nat(2),
  );

  it(`${commandInputs} commands`, async () => {
    const file = join(folder, 'output');
    await fc.assert(
      fc.asyncProperty(output, async ([lines, end, code]) => {
        await writeFile(file, lines.map((each) => each + end).join(''));
        const notes: string[] = [];
        const outcomes: Outcome[] = [];
        const command = `cat "${file}"; cat "${file}" >&2; exit ${code}`;
        const judge = await openCommandJudge(command, {
          ...{ timeout: 5, maxTokens: 20, onNote: (note) => notes.push(note.text), onStderr: () => {} },
        });
        const began = performance.now();
        const error: unknown = await judge
          .judge(rows(3), { onOutcome: (outcome) => Promise.resolve(void outcomes.push(outcome)) })
          .catch((thrown: unknown) => thrown);
        await judge.close();
        expect(performance.now() - began).toBeLessThan(longest);
        if (error === undefined) expect(outcomes.map(({ id }) => id).sort()).toEqual(['r0', 'r1', 'r2']);
        else expect(error).toBeInstanceOf(WhetstoneError);
        const message = error instanceof Error ? error.message : '';
        for (const each of [...outcomes.map(shown), ...[...notes, message].map(readable)])
          expect(each).not.toMatch(escapes);
        expect(message.length).toBeLessThan(20_000);
      }),
      { seed: 28, numRuns: commandInputs },
    );
  }, 120_000);
});
