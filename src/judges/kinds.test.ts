import { resolve } from 'node:path';
import { describe, expect, it } from 'vitest';
import { judge } from '../options/tables/judging.ts';
import { judgeKinds, namedJudge } from './kinds.ts';

describe('namedJudge', () => {
  it.each([
    ['openai:gpt-4o', 'openai', 'openai:gpt-4o'],
    ['openai:http://127.0.0.1:1/v1#m', 'openai', 'http://127.0.0.1:1/v1#m'],
    ['http://127.0.0.1:8080/v1#qwen3', 'server', 'http://127.0.0.1:8080/v1#qwen3'],
    ['https://x.org/v1/critic.js#m.js', 'server', 'https://x.org/v1/critic.js#m.js'],
    ['cmd:node critic.js', 'command', 'cmd:node critic.js'],
    ['./critic.ts', 'module', resolve('critic.ts')],
    ['local:runs/judge', 'local', `local:${resolve('runs/judge')}`],
    ['person:to-judge.jsonl', 'person', `person:${resolve('to-judge.jsonl')}`],
  ])('%s', (spec, kind, absolute) => {
    expect(namedJudge(spec)).toMatchObject({ kind, absolute });
  });

  it.each([
    ['gpt-4o', 'cmd:./critic.sh'],
    ['', 'openai:gpt-4o'],
    ['openai: ', 'nothing follows'],
    ['openai:http://127.0.0.1:1/v1', 'the model is missing'],
    ['openai: https://[/v1#m', 'this is no URL'],
    ['http://127.0.0.1:8080/v1', '#MODEL'],
    ['https://me:letmein@x.org/v1#m', 'environment only'],
  ])('%s is refused, and no secret repeated', (spec, words) => {
    const parse = (): unknown => namedJudge(spec);
    expect(parse).toThrow(expect.objectContaining({ code: 'INVALID_OPTION' }) as Error);
    expect(parse).toThrow(words);
    expect(parse).not.toThrow('letmein');
  });

  it('knows each kind by its own example', () => {
    for (const { name, example } of judgeKinds()) expect(namedJudge(example).kind).toBe(name);
  });

  it('knows those that the help of --judge names, and it names each', () => {
    const { help } = judge.judge;
    for (const { form, example } of judgeKinds())
      expect([form, example].some((text) => help.includes(text))).toBe(true);
  });
});
