import { describe, expect, it } from 'vitest';
import { readCompletion, readServerError } from './completion.ts';

const of = (message: unknown, rest: object = {}): unknown => ({
  choices: [{ message, finish_reason: 'stop' }],
  ...rest,
});

describe('readCompletion', () => {
  it.each([
    ['a text', of({ content: 'Bad.' }), { text: 'Bad.', finish: 'stop', usage: null }],
    [
      'parts',
      of({ content: [{ type: 'text', text: 'Ba' }, 'd', { type: 'image' }, null] }),
      { text: 'Bad', finish: 'stop', usage: null },
    ],
    [
      'null',
      of({ content: null, refusal: 'No.' }),
      { text: '', finish: 'stop', usage: null, refusal: 'No.' },
    ],
    [
      'usage',
      of({ content: '' }, { usage: { prompt_tokens: 3, completion_tokens: 4 } }),
      { text: '', finish: 'stop', usage: { input: 3, output: 4 } },
    ],
    [
      'broken usage',
      of({ content: '' }, { usage: { prompt_tokens: -3 } }),
      { text: '', finish: 'stop', usage: null },
    ],
    [
      'no reason to stop',
      { choices: [{ message: { content: 'x' } }] },
      { text: 'x', finish: null, usage: null },
    ],
  ])('with %s', (_, value, expected) => {
    expect(readCompletion(value)).toEqual(expected);
  });

  it.each([
    null,
    3,
    'x',
    [],
    {},
    { choices: [] },
    { choices: [{}] },
    { choices: [{ message: 3 }] },
    of({ content: 3 }),
    of({ content: {} }),
  ])('%j is none', (value) => {
    expect(readCompletion(value)).toBeNull();
  });
});

describe('readServerError', () => {
  it.each([
    ['{"error":{"message":"No.","type":"t","code":"c"}}', { words: 'No.', code: 'c t' }],
    ['{"error":"No."}', { words: 'No.', code: '' }],
    ['{"message":"No.","code":403}', { words: 'No.', code: '403' }],
    ['{"detail":"No."}', { words: 'No.', code: '' }],
    ['{"detail":[{"msg":"No."}]}', { words: '{"detail":[{"msg":"No."}]}', code: '' }],
    ['<html><style>x{}</style><body>Bad\u001b[2J\n gateway</body>', { words: 'Bad [2J gateway', code: '' }],
    ['', null],
  ])('%j', (body, expected) => {
    expect(readServerError(body)).toEqual(expected);
  });

  it('is short', () => {
    expect(readServerError('long '.repeat(1000))!.words.length).toBeLessThanOrEqual(301);
  });
});
