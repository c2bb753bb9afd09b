import { expect, it } from 'vitest';
import { parseJudgeSpec } from './spec.ts';

it.each([
  ['openai:gpt-4o', { kind: 'chat', model: 'gpt-4o', url: null }],
  ['http://127.0.0.1:8080/v1#qwen3', { kind: 'chat', model: 'qwen3', url: 'http://127.0.0.1:8080/v1' }],
  [
    'https://x.org/v1/chat/completions#org/m:7b',
    { kind: 'chat', model: 'org/m:7b', url: 'https://x.org/v1' },
  ],
  ['https://x.org/o?api-version=3#m', { kind: 'chat', model: 'm', url: 'https://x.org/o?api-version=3' }],
  ['cmd:node critic.js', { kind: 'command', command: 'node critic.js' }],
  ['./critic.ts', { kind: 'module', path: './critic.ts' }],
  ['C:\\critics\\a.mjs', { kind: 'module', path: 'C:\\critics\\a.mjs' }],
  ['local:runs/judge', { kind: 'local', run: 'runs/judge' }],
  ['person:to-judge.jsonl', { kind: 'person', file: 'to-judge.jsonl' }],
])('%s', (spec, expected) => {
  expect(parseJudgeSpec(spec)).toEqual(expected);
});

it.each([
  ['gpt-4o', 'cmd:./critic.sh'],
  ['', 'openai:gpt-4o'],
  ['openai: ', 'nothing follows'],
  ['http://127.0.0.1:8080/v1', '#MODEL'],
  ['http://', 'no URL'],
  ['https://x.org/v1?api_key=letmein#m', 'environment only'],
  ['https://me:letmein@x.org/v1#m', 'environment only'],
])('%s is refused, and no secret repeated', (spec, words) => {
  const parse = (): unknown => parseJudgeSpec(spec);
  expect(parse).toThrow(expect.objectContaining({ code: 'INVALID_OPTION' }) as Error);
  expect(parse).toThrow(words);
  expect(parse).not.toThrow('letmein');
});
