import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { isJudged } from '../judge.ts';
import type { JudgeRequest, Outcome } from '../judge.ts';
import { openModuleJudge } from './module.ts';

let dir: string;
beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), 'whetstone-module-'));
});
afterAll(() => rm(dir, { recursive: true, force: true }));

const settings = { maxTokens: 512, concurrency: 1, timeout: 1, onNote: () => {} };

let files = 0;
async function file(text: string, extension = 'mjs'): Promise<string> {
  const path = join(dir, `critic-${files++}.${extension}`);
  await writeFile(path, text);
  return path;
}

const rows = (count: number): JudgeRequest[] =>
  Array.from({ length: count }, (_, i) => ({ id: `r${i}`, instruction: `Say ${i}.`, output: `${i}` }));

async function run(
  path: string,
  requests: readonly JudgeRequest[],
  {
    concurrency = 4,
    timeout = 20,
    signal,
  }: { concurrency?: number; timeout?: number; signal?: AbortSignal } = {},
): Promise<{ found: Record<string, string | null>; error: unknown }> {
  const outcomes: Outcome[] = [];
  const judge = await openModuleJudge(path, { ...settings, concurrency, timeout });
  const error: unknown = await judge
    .judge(requests, {
      onOutcome: async (outcome) => void (await sleep(0), outcomes.push(outcome)),
      ...(signal && { signal }),
    })
    .catch((caught: unknown) => caught);
  const words = (outcome: Outcome): string | null =>
    isJudged(outcome) ? outcome.judgment : `?${outcome.unscored}`;
  expect(new Set(outcomes.map(({ id }) => id)).size).toBe(outcomes.length);
  return { found: Object.fromEntries(outcomes.map((outcome) => [outcome.id, words(outcome)])), error };
}

describe('a module', () => {
  it('exports a function as default, which sees the fields of the contract', async () => {
    const path = await file(
      'export default (request) => request.output === "1" ? null : JSON.stringify(request);',
    );
    const { found, error } = await run(path, [
      ...rows(2),
      { id: 'x', instruction: 'a', input: 'b', output: 'c' },
      { id: 'y', instruction: 'a', before: [{ role: 'system', content: 's' }], output: 'c' },
    ]);
    expect(error).toBeUndefined();
    expect(found).toEqual({
      r0: '{"id":"r0","instruction":"Say 0.","output":"0"}',
      r1: null,
      x: '{"id":"x","instruction":"a","input":"b","output":"c"}',
      y: '{"id":"y","instruction":"a","messages":[{"role":"system","content":"s"},{"role":"user","content":"a"}],"output":"c"}',
    });
  });

  it.each(['ts', 'mts'])(
    'may be TypeScript: .%s, with types, enums and imports of its own',
    async (extension) => {
      await writeFile(join(dir, 'words.ts'), 'export const words: string = "Not a number";');
      const path = await file(
        `import { words } from '../words.ts';
import { basename } from 'node:path';
enum Kind { Good = 1, Bad }
interface Row { readonly output: string }
export const judge = async ({ output }: Row): Promise<string | null> => {
  const kind = Number.isNaN(Number(output)) ? Kind.Bad : Kind.Good;
  return kind === Kind.Good ? null : (words satisfies string) + basename('/a/.');
};`,
        extension,
      );
      const { found } = await run(path, [...rows(1), { id: 'x', instruction: '', output: 'q' }]);
      expect(found).toEqual({ r0: null, x: 'Not a number.' });
    },
  );

  it('may take all rows at once, and answer in their order or by id', async () => {
    const inOrder = await file(
      'export const judgeAll = async (rows) => rows.map(({ output }) => "not " + output);',
    );
    expect((await run(inOrder, rows(2))).found).toEqual({ r0: 'not 0', r1: 'not 1' });
    const byId = await file(
      'export const judgeAll = (rows) => rows.slice(1).reverse().map(({ id }) => ({ id, judgment: null }));',
    );
    expect((await run(byId, rows(3))).found).toEqual({ r0: '?judgeAll gave no answer', r1: null, r2: null });
    const short = await file('export const judgeAll = () => [null];');
    expect((await run(short, rows(3))).error).toMatchObject({ code: 'JUDGE_FAILED' });
    const throws = await file('export const judgeAll = () => { throw new Error("no key"); };');
    const { error, found } = await run(throws, rows(3));
    expect(error).toMatchObject({
      code: 'JUDGE_FAILED',
      message: expect.stringMatching(/3 rows: no key/) as string,
    });
    expect(found).toEqual({});
  });

  it('is called no more often at once than it may be', async () => {
    const path = await file(
      `let now = 0, most = 0;
export default async () => {
  most = Math.max(most, ++now);
  await new Promise((resolve) => setTimeout(resolve, 3));
  now--;
  return 'at most ' + most;
};`,
    );
    const { found } = await run(path, rows(12), { concurrency: 3 });
    expect(Object.keys(found)).toHaveLength(12);
    expect(found['r11']).toBe('at most 3');
  });

  it('leaves a row unscored where it throws, says nothing, or takes too long', async () => {
    const path = await file(
      `export default ({ output }) => {
  if (output === '0') throw new Error('cannot read this');
  if (output === '1') return undefined;
  if (output === '2') return new Promise(() => {});
  return null;
};`,
    );
    const { found, error } = await run(path, rows(25), { timeout: 0.1 });
    expect(error).toBeUndefined();
    expect(found['r0']).toBe('?the module failed: cannot read this');
    expect(found['r1']).toMatch(/^\?expected a judgment in words, or null.*; found nothing$/);
    expect(found['r2']).toBe('?the module failed: no answer within 0.1 seconds');
    expect(found['r24']).toBeNull();
    expect(Object.keys(found)).toHaveLength(25);
  });

  it('that fails on most of its first rows is broken, and none of them is called unscored', async () => {
    const path = await file(
      'export default ({ output }) => { if (Number(output) % 3) throw new TypeError("x is undefined"); return null; };',
    );
    const { found, error } = await run(path, rows(100), { concurrency: 1 });
    expect(error).toMatchObject({ code: 'JUDGE_FAILED' });
    expect(String(error)).toMatch(/11 of the first 17 rows failed; the first one, row r1: x is undefined/);
    expect(Object.values(found).every((words) => words === null)).toBe(true);
    const few = await run(path, rows(4));
    expect(few.error).toBeUndefined();
    expect(few.found['r1']).toMatch(/^\?/);
  });

  it('begins nothing after an abort, and keeps what was under way', async () => {
    const path = await file(
      'export default ({ output }) => new Promise((r) => setTimeout(() => r(null), 1 + 80 * Number(output)));',
    );
    const judge = await openModuleJudge(path, { ...settings, concurrency: 3, timeout: 20 });
    const abort = new AbortController();
    const heard: string[] = [];
    let kept = 0;
    const judging = judge.judge(rows(5), {
      signal: abort.signal,
      onOutcome: async ({ id }) => {
        heard.push(id);
        abort.abort();
        await sleep(30);
        kept++;
      },
    });
    await expect(judging).rejects.toMatchObject({ code: 'STOPPED' });
    expect(heard).toEqual(['r0', 'r1', 'r2']);
    expect(kept).toBe(3);
  });

  it('waits after an abort no longer than for any answer, and tells the function', async () => {
    const path = await file(`export default ({ output }, { signal }) =>
      output === '0' ? null : new Promise(() => signal.addEventListener('abort', () => { globalThis.unwanted = true; }));`);
    const abort = new AbortController();
    const running = run(path, rows(3), { concurrency: 1, timeout: 0.3, signal: abort.signal });
    await sleep(100);
    abort.abort();
    const { error, found } = await running;
    expect(error).toMatchObject({ code: 'STOPPED' });
    expect(found).toEqual({ r0: null });
    expect(globalThis).toMatchObject({ unwanted: true });
  });

  it('whose judgeAll is under way at an abort is heard', async () => {
    const abort = new AbortController();
    Object.assign(globalThis, { whetstoneTestBegun: () => abort.abort() });
    const path = await file(
      `export const judgeAll = (rows) => {
        globalThis.whetstoneTestBegun();
        return new Promise((r) => setTimeout(() => r(rows.map(() => null)), 100));
      };`,
    );
    const { found } = await run(path, rows(2), { signal: abort.signal });
    expect(found).toEqual({ r0: null, r1: null });
  });

  it('has the fingerprint of its content', async () => {
    const open = async (text: string): Promise<string> =>
      (await openModuleJudge(await file(text), settings)).fingerprint;
    const first = await open('export default () => null;');
    expect(await open('export default () => null;')).toBe(first);
    expect(await open('export default () => "no";')).not.toBe(first);
  });

  it.each([
    ['missing', null, /no such file/],
    ['without a function', 'export const verdict = 3;', /found verdict \(number\)/],
    ['that does not parse', 'export default (', /does not load/],
    ['that throws when it is loaded', 'throw new Error("no compiler here");', /no compiler here/],
  ])('is refused: %s', async (_, text, message) => {
    const path = text === null ? join(dir, 'nowhere.mjs') : await file(text);
    const opening = openModuleJudge(path, settings);
    await expect(opening).rejects.toThrow(message);
    await expect(opening).rejects.toMatchObject({ place: { file: path } });
  });

  it('is refused where TypeScript does not parse', async () => {
    const path = await file('export default (: number', 'ts');
    await expect(openModuleJudge(path, settings)).rejects.toMatchObject({
      code: 'JUDGE_FAILED',
    });
  });
});
