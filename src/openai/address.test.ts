import { describe, expect, it } from 'vitest';
import { endpointOf, hiding, keyFor, parseServedModel } from './address.ts';
import type { KeySettings, ServedModel } from './address.ts';

const key = 'key-of-the-test-123';
const served = (text: string): ServedModel =>
  text.startsWith('openai:') ? { model: text.slice(7), url: null } : parseServedModel(text, 'judge');

describe('parseServedModel', () => {
  it.each([
    ['http://127.0.0.1:8080/v1#qwen3', { model: 'qwen3', url: 'http://127.0.0.1:8080/v1' }],
    ['https://x.org/v1/chat/completions#org/m:7b', { model: 'org/m:7b', url: 'https://x.org/v1' }],
    ['https://x.org/o?api-version=3#m', { model: 'm', url: 'https://x.org/o?api-version=3' }],
  ])('%s', (text, expected) => {
    expect(parseServedModel(text, 'judge')).toEqual(expected);
  });

  it.each([
    ['http://127.0.0.1:8080/v1', '#MODEL'],
    ['http://', 'no URL'],
    ['https://x.org/v1?api_key=letmein#m', 'environment only'],
    ['https://me:letmein@x.org/v1#m', 'environment only'],
  ])('%s is refused, and no secret repeated', (text, words) => {
    const parse = (): unknown => parseServedModel(text, 'model');
    expect(parse).toThrow(expect.objectContaining({ code: 'INVALID_OPTION' }) as Error);
    expect(parse).toThrow(words);
    expect(parse).not.toThrow('letmein');
  });
});

it('endpoints go before the query', () => {
  expect(endpointOf('http://x/v1/', '/completions')).toBe('http://x/v1/completions');
  expect(endpointOf('https://x.org/o?api-version=3', '/chat/completions')).toBe(
    'https://x.org/o/chat/completions?api-version=3',
  );
});

it('a key is taken out of words, a short one is no secret', () => {
  expect(hiding(key)(`no ${key}, ${key}`)).toBe('no [key], [key]');
  expect(hiding('none')('none of these')).toBe('none of these');
});

describe('keyFor', () => {
  const env = { OPENAI_API_KEY: key, OTHER: 'another-key-456' };
  it.each<[string, Partial<KeySettings>, string | null]>([
    ['openai:m', { env }, key],
    ['http://127.0.0.1:1/v1#m', { env: {} }, null],
    ['http://localhost:1/v1#m', { env }, key],
    ['https://x.org/v1#m', { env }, key],
    // Without encryption anyone on the way could read it.
    ['http://x.org/v1#m', { env }, null],
    ['http://x.org/v1#m', { env, apiKeyEnv: 'OTHER' }, 'another-key-456'],
    ['openai:m', { env: { OPENAI_API_KEY: ` ${key}\n` } }, key],
  ])('%s', (text, given, expected) => {
    expect(keyFor(served(text), { apiKeyEnv: null, env: {}, ...given })).toBe(expected);
  });

  it.each<[string, Partial<KeySettings>]>([
    ['openai:m', {}],
    ['http://127.0.0.1:1/v1#m', { env, apiKeyEnv: 'MISSING' }],
    ['openai:m', { env: { OPENAI_API_KEY: `${key}\nHost: x` } }],
  ])('%s without a key that will do is refused', (text, given) => {
    const get = (): unknown => keyFor(served(text), { apiKeyEnv: null, env: {}, ...given });
    expect(get).toThrow(expect.objectContaining({ code: 'NO_API_KEY' }) as Error);
    expect(get).not.toThrow(key);
  });
});
