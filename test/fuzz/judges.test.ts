// Whatever a chat server, a command or a model says to a judge: every row has an outcome, or the call an error with a code.
import { rm, mkdtemp, writeFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect } from 'vitest';
import { openCommandJudge } from '../../src/judges/program/command.ts';
import type { Outcome } from '../../src/judges/judge.ts';
import { readable } from '../../src/cli/terminal.ts';
import { loadPrompt } from '../../src/judges/chat/prompt.ts';
import { readPreference } from '../../src/judges/chat/read-preference.ts';
import { readReply } from '../../src/judges/chat/read-reply.ts';
import { ask, rows } from '../judges/ask.ts';
import { expectTellable, fuzz } from './fuzz.ts';

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

const outcomesAreTellable = (outcomes: readonly Outcome[]): void => {
  for (const outcome of outcomes) {
    expectTellable(readable('unscored' in outcome ? outcome.unscored : (outcome.judgment ?? '')));
    if (!('unscored' in outcome)) expect(outcome.judgment?.length ?? 0).toBeLessThanOrEqual(1024 + 32 * 20);
  }
};

describe('judges', () => {
  fuzz("a chat server's answers", {
    inputs: fc.array(served, { minLength: 1, maxLength: 3 }),
    runs: 300,
    readOneIn: 10,
    read: async (some) => {
      answers = some;
      const { outcomes, error, notes, usage } = await ask(url, rows(3), {
        ...{ timeout: 0.5, bodyTimeout: 0.2, retries: 1, maxTokens: 20, inputPrice: 1, outputPrice: 1 },
      });
      if (error === null) expect(Object.keys(outcomes)).toHaveLength(3);
      else expect(error.code).toMatch(/^JUDGE_(?:REFUSED|UNAVAILABLE)$/);
      outcomesAreTellable(Object.values(outcomes));
      for (const each of [...notes, error?.message ?? '']) expectTellable(readable(each));
      expect(usage.cost).toBeGreaterThanOrEqual(0);
    },
  });

  const line = fc.oneof(
    fc
      .record({ id: fc.constantFrom('r0', 'r1', 'r2', 'r9', 0), judgment: value })
      .map((each) => JSON.stringify(each)),
    value.map((each) => JSON.stringify(each) ?? ''),
    text,
  );

  fuzz("a command's output", {
    inputs: fc.tuple(fc.array(line, { maxLength: 8 }), fc.constantFrom('\n', '\r\n', '', '\n\n'), fc.nat(2)),
    runs: 150,
    readOneIn: 10,
    read: async ([lines, end, code]) => {
      const file = join(folder, 'output');
      await writeFile(file, lines.map((each) => each + end).join(''));
      const outcomes: Outcome[] = [];
      const command = `cat "${file}"; cat "${file}" >&2; exit ${code}`;
      const judge = await openCommandJudge(command, {
        ...{ timeout: 5, maxTokens: 20, onNote: ({ text: told }) => expectTellable(readable(told)) },
        onStderr: () => {},
      });
      try {
        await judge.judge(rows(3), {
          onOutcome: (outcome) => Promise.resolve(void outcomes.push(outcome)),
        });
        expect(outcomes.map(({ id }) => id).sort()).toEqual(['r0', 'r1', 'r2']);
      } finally {
        await judge.close();
        outcomesAreTellable(outcomes);
      }
    },
  });

  const pieces = fc.constantFrom(
    ...['```', '~~~', '\n', ' ', '"', '“', '”', '**', '`', '{', '}', '"judgment":', 'null', '[', ']', ':'],
    ...['<think>', '</think>', 'Verdict:', '1', '2', 'draw', 'Judgment:', 'Perfect', '.', 'I can’t', 'sorry'],
    ...[
      'It is wrong',
      'but',
      'no',
      'errors',
      '\u001b[2J',
      '\u0000',
      '\ud83d',
      '\ude00',
      '\\',
      '\r',
      '\u202e',
      '#',
    ],
  );
  const reply = fc.record({
    text: fc
      .array(fc.tuple(pieces, fc.oneof({ weight: 9, arbitrary: fc.nat(30) }, fc.constant(20_000))), {
        maxLength: 40,
      })
      .map((parts) => parts.map(([piece, times]) => piece.repeat(times)).join('')),
    finish: fc.constantFrom('stop', 'length', null),
  });
  const question = { instruction: 'Say it.', output: 'It is said.', output_1: 'It.', output_2: 'No.' };

  fuzz("a judge's reply", {
    inputs: reply,
    runs: 2000,
    readOneIn: 2,
    read: async (input) => {
      const messages = (await loadPrompt('default')).messages(question);
      for (const read of [readReply(input, question, messages), readPreference(input)])
        if ('unreadable' in read) expectTellable(readable(read.unreadable));
    },
  });
});
