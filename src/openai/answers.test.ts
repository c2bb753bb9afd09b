import { describe, expect, it } from 'vitest';
import { readChatAnswer, readEchoes } from './answers.ts';

const of = (message: unknown, rest: object = {}): unknown => ({
  choices: [{ message, finish_reason: 'stop' }],
  ...rest,
});

describe('readChatAnswer', () => {
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
    expect(readChatAnswer(value)).toEqual(expected);
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
    expect(readChatAnswer(value)).toBeNull();
  });
});

describe('readEchoes', () => {
  it('has the prompts in order, undefined where one was left out', () => {
    const choice = (index: number): object => ({ index, logprobs: { token_logprobs: [null, -index] } });
    expect(readEchoes({ choices: [choice(2), choice(0)] })).toEqual([
      { logProbs: [null, -0] },
      undefined,
      { logProbs: [null, -2] },
    ]);
  });

  it.each([[null], ['x'], [{ error: 'no' }]])('%j is none', (value) => {
    expect(readEchoes(value)).toBeNull();
  });
});
