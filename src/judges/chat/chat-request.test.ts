import { describe, expect, it } from 'vitest';
import { endpointOf, parseServedModel } from '../../openai/address.ts';
import type { ServedModel } from '../../openai/address.ts';
import { chatFingerprint, chatRequests } from './chat-request.ts';
import { loadPrompt } from './prompt.ts';
import { defaultJudgeSettings } from '../settings.ts';
import type { JudgeSettings } from '../settings.ts';

const served = (text: string): ServedModel =>
  text.startsWith('openai:') ? { model: text.slice(7), url: null } : parseServedModel(text, 'judge');
const settings = (given: Partial<JudgeSettings> = {}): JudgeSettings => ({
  ...defaultJudgeSettings,
  env: {},
  ...given,
});
const key = 'key-of-the-test-123';

describe('chatRequests', () => {
  it('goes where the spec says', () => {
    const endpoint = (text: string, given?: Partial<JudgeSettings>): string => {
      const { url, request } = chatRequests(served(text), settings(given));
      return endpointOf(url, request([]).path);
    };
    expect(endpoint('openai:m')).toBe('https://api.openai.com/v1/chat/completions');
    expect(endpoint('openai:m', { env: { OPENAI_BASE_URL: 'http://127.0.0.1:1/v1/' } })).toBe(
      'http://127.0.0.1:1/v1/chat/completions',
    );
    expect(endpoint('http://127.0.0.1:8/v1#m')).toBe('http://127.0.0.1:8/v1/chat/completions');
    expect(endpoint('https://x.org/o?api-version=3#m')).toBe(
      'https://x.org/o/chat/completions?api-version=3',
    );
    expect(chatRequests(served('https://x.org:81/v1#m'), settings()).name).toBe('m at x.org:81');
  });

  it('names the limit as the server knows it, and takes further fields', () => {
    const bodyOf = (text: string, given?: Partial<JudgeSettings>): unknown =>
      JSON.parse(chatRequests(served(text), settings(given)).request([]).body);
    expect(bodyOf('openai:m')).toEqual({
      model: 'm',
      messages: [],
      temperature: 0,
      max_completion_tokens: 512,
    });
    expect(bodyOf('http://x/v1#m')).toEqual({ model: 'm', messages: [], temperature: 0, max_tokens: 512 });
    const extraBody = { max_tokens: null, max_completion_tokens: 9, seed: 1 };
    expect(bodyOf('http://x/v1#m', { temperature: null, extraBody })).toEqual({
      model: 'm',
      messages: [],
      max_completion_tokens: 9,
      seed: 1,
    });
    expect(chatRequests(served('http://x/v1#m'), settings({ extraBody })).request([]).most.output).toBe(9);
    const unlimited = { extraBody: { max_tokens: null }, budget: 1 };
    expect(() => bodyOf('http://x/v1#m', unlimited)).toThrow('a budget needs a limit of tokens');
    for (const field of ['stream', 'n', 'model', 'messages']) {
      expect(() => bodyOf('http://x/v1#m', { extraBody: { [field]: 1 } })).toThrow(field);
    }
  });
});

it('the fingerprint tells what is asked of which model, and not where, with which key or limits', async () => {
  const fingerprint = async (text: string, given: Partial<JudgeSettings> = {}): Promise<string> => {
    const all = settings(given);
    return chatFingerprint(chatRequests(served(text), all), await loadPrompt(all.prompt));
  };
  const base = await fingerprint('http://x/v1#m');
  expect(
    await fingerprint('http://x/v1#m', {
      env: { OPENAI_API_KEY: key },
      concurrency: 1,
      budget: 3,
      retries: 0,
    }),
  ).toBe(base);
  expect(await fingerprint('http://y:81/v1#m')).toBe(base);
  const others = await Promise.all([
    fingerprint('http://x/v1#n'),
    fingerprint('http://x/v1#m', { prompt: 'paper' }),
    fingerprint('http://x/v1#m', { temperature: 1 }),
    fingerprint('http://x/v1#m', { maxTokens: 5 }),
  ]);
  expect(new Set([base, ...others]).size).toBe(5);
});
