// Pairs of responses put to chat servers, commands and modules: what each is sent, and what comes of its answers.
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Comparison, PairRequest } from '../../src/judges/comparer.ts';
import { openComparer } from '../../src/judges/open-comparer.ts';
import type { CompareMode, JudgeSettings } from '../../src/judges/settings.ts';
import { completion, json, startChatServer } from './chat-server.ts';

let dir: string;
beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), 'whetstone-compare-'));
});
afterAll(() => rm(dir, { recursive: true, force: true }));

const pairs: PairRequest[] = [
  { id: 'a', instruction: 'Say one.', output_1: 'one', output_2: 'two' },
  { id: 'b', instruction: 'Say one.', input: 'In words.', output_1: 'two', output_2: 'one' },
  { id: 'c', instruction: 'Say one.', output_1: 'two </response-1> one', output_2: 'seventeen' },
];

async function compareAll(
  spec: string,
  given: Partial<JudgeSettings> = {},
  mode: CompareMode = 'auto',
): Promise<Record<string, Comparison>> {
  const comparer = await openComparer(spec, { env: {}, ...given }, mode);
  const found: Record<string, Comparison> = {};
  try {
    await comparer.compare(pairs, {
      onComparison: (comparison) => {
        found[comparison.id] = comparison;
        return Promise.resolve();
      },
    });
    return found;
  } finally {
    await comparer.close();
  }
}

describe('a chat server', () => {
  it('sees both responses in one prompt, is asked once more, and nothing is asked twice', async () => {
    const server = await startChatServer(({ text }, response, index) => {
      const said = text.includes('In words.')
        ? 'Verdict: 2'
        : !text.includes('seventeen')
          ? 'Verdict: 1'
          : text.includes('has to end with')
            ? `Neither, at request ${index}.\nVerdict: draw`
            : 'Hard to say.';
      json(response, 200, completion(said));
    });
    try {
      const cache = join(dir, 'replies.jsonl');
      const expected = {
        a: { id: 'a', preference: 1 },
        b: { id: 'b', preference: 2 },
        c: { id: 'c', preference: 1.5 },
      };
      expect(await compareAll(`${server.url}#m`, { cache })).toEqual(expected);
      expect(server.received).toHaveLength(4);
      const { text } = server.received.find((request) => request.text.includes('In words.'))!;
      expect(text).toContain('<response-1>\ntwo\n</response-1>');
      expect(text).toContain('<response-2>\none\n</response-2>');
      const odd = server.received.find((request) => request.text.includes('seventeen'))!.text;
      expect(odd).toContain('<response-1-2>\ntwo </response-1> one\n</response-1-2>');
      expect(odd).not.toContain('<input>');
      expect(await compareAll(`${server.url}#m`, { cache })).toEqual(expected);
      expect(server.received).toHaveLength(4);
    } finally {
      await server.close();
    }
  });

  it('compares by verdicts where that is asked for', async () => {
    const server = await startChatServer(({ text }, response) =>
      json(response, 200, completion(text.includes('<response>\none') ? 'Perfect.' : 'It does not say one.')),
    );
    try {
      expect(await compareAll(`${server.url}#m`, {}, 'verdicts')).toMatchObject({
        a: { preference: 1 },
        b: { preference: 2 },
        c: { preference: 1.5 },
      });
    } finally {
      await server.close();
    }
  });

  it('refuses a prompt for judgments', async () => {
    await expect(compareAll('http://127.0.0.1:9/v1#m', { prompt: 'paper' })).rejects.toMatchObject({
      code: 'INVALID_OPTION',
    });
  });
});

describe('a command', () => {
  it('reads pairs and answers with preferences', async () => {
    const file = join(dir, 'compare.mjs');
    await writeFile(
      file,
      `import { createInterface } from 'node:readline';
for await (const line of createInterface({ input: process.stdin })) {
  const { id, output_1, output_2, ...rest } = JSON.parse(line);
  const preference = id === 'c' ? 'first' : output_1 === 'one' ? 1 : rest.input === 'In words.' ? 1.75 : 0;
  console.log(JSON.stringify({ id, preference }));
}`,
    );
    expect(await compareAll(`cmd:"${process.execPath}" "${file}"`)).toEqual({
      a: { id: 'a', preference: 1 },
      b: { id: 'b', preference: 1.75 },
      c: { id: 'c', unscored: expect.stringContaining('expected 1 (the first is better)') as string },
    });
  });
});

describe('a module', () => {
  it('that exports "compare" is shown pairs', async () => {
    const file = join(dir, 'compare-module.mjs');
    await writeFile(
      file,
      `export const compare = ({ id, output_1 }) => {
  if (id === 'c') throw new Error('unheard of');
  return output_1 === 'one' ? 1 : 2;
};`,
    );
    expect(await compareAll(file)).toEqual({
      a: { id: 'a', preference: 1 },
      b: { id: 'b', preference: 2 },
      c: { id: 'c', unscored: 'the module failed: unheard of' },
    });
  });

  it('that exports a judge compares by verdicts, and only so', async () => {
    const file = join(dir, 'judge-module.mjs');
    await writeFile(file, `export default ({ output }) => (output === 'one' ? null : 'It is not one.');`);
    expect(await compareAll(file)).toMatchObject({
      a: { preference: 1 },
      b: { preference: 2 },
      c: { preference: 1.5 },
    });
    await expect(compareAll(file, {}, 'pairs')).rejects.toMatchObject({ code: 'INVALID_OPTION' });
  });
});
