// The example examples/compiler-critic through the command judge, as its page says.
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, it } from 'vitest';
import { openCommandJudge } from '../../src/judges/program/command.ts';
import { isJudged } from '../../src/judges/judge.ts';
import type { Outcome } from '../../src/judges/judge.ts';

const root = fileURLToPath(new URL('../..', import.meta.url));

it('the compiler finds the mistakes of the example', async () => {
  const file = join(root, 'examples', 'compiler-critic', 'responses.jsonl');
  const rows = (await readFile(file, 'utf8')).trimEnd().split('\n');
  const requests = rows.map((line, i) => ({
    id: `${i}`,
    ...(JSON.parse(line) as { instruction: string; output: string }),
  }));
  const notes: string[] = [];
  const judge = await openCommandJudge('node examples/compiler-critic/critic.mjs', {
    ...{ timeout: 60, maxTokens: 512, cwd: root },
    onNote: ({ text }) => notes.push(text),
  });
  const outcomes: Outcome[] = [];
  const empty = { id: 'empty', instruction: 'Write code.', output: '```ts\n```' };
  await judge.judge([...requests, empty], {
    onOutcome: (outcome) => Promise.resolve(void outcomes.push(outcome)),
  });
  await judge.close();
  expect(notes).toEqual([]);
  expect(outcomes.every(isJudged)).toBe(true);
  const judgments = Object.fromEntries(outcomes.filter(isJudged).map(({ id, judgment }) => [id, judgment]));
  expect(judgments['0']).toBeNull();
  expect(judgments['1']).toMatch(/Line 2, at "toUppercase": .* does not exist on type 'string'/);
  expect(judgments['2']).toMatch(/lacks ending return statement/);
  expect(judgments['3']).toMatch(/at "counts\.get\(word\)": Object is possibly 'undefined'/);
  expect(judgments['4']).toBeNull();
  expect(judgments['5']).toMatch(/Line 3, at ";": '\)' expected/);
  expect(judgments['empty']).toMatch(/no code/);
});
