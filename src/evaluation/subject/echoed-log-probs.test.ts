import { describe, expect, it } from 'vitest';
import { readEchoes } from '../../openai/answers.ts';
import type { EchoedSpan } from './echoed-log-probs.ts';
import { echoedLikelihoods } from './echoed-log-probs.ts';

const reply = (...lists: unknown[]): unknown => ({
  choices: lists.map((token_logprobs, index) => ({ index, logprobs: { token_logprobs } })),
});
const likelihoods = (value: unknown, spans: readonly EchoedSpan[], server = 's'): number[] =>
  echoedLikelihoods(readEchoes(value)!, spans, server);
const span = { start: 2, end: 4 };

describe('echoedLikelihoods', () => {
  it('adds up the continuation, without what was generated behind it', () => {
    expect(likelihoods(reply([null, -1, -2, -3, -9]), [span])).toEqual([-5]);
    expect(likelihoods(reply([null, -1, -2, -3]), [span])).toEqual([-5]);
  });

  it('takes choices by their index', () => {
    const { choices } = reply([null, -1, -2, -3], [null, -1, -4, -4]) as { choices: unknown[] };
    expect(likelihoods({ choices: choices.reverse() }, [span, span])).toEqual([-5, -8]);
  });

  it.each([
    ['a chat reply', { choices: [{ index: 0, message: {} }] }, 'NO_LOG_PROBS'],
    ['no log-probs', { choices: [{ index: 0, logprobs: null }] }, 'NO_LOG_PROBS'],
    ['log-probs of the new token only', reply([-1]), 'NO_LOG_PROBS'],
    ['too few choices', { choices: [] }, 'NO_LOG_PROBS'],
    ['a hole', reply([null, -1, null, -3]), 'NO_LOG_PROBS'],
    ['fewer tokens', reply([null, -1, -2]), 'OTHER_TOKENS'],
    ['more tokens', reply([null, -1, -2, -3, -4, -5]), 'OTHER_TOKENS'],
    ['something else', { content: 'no' }, 'NO_LOG_PROBS'],
  ])('refuses %s', (_, value, code) => {
    expect(() => likelihoods(value, [span], 'http://x/v1')).toThrow(
      expect.objectContaining({ code, place: { file: 'http://x/v1' } }) as Error,
    );
  });
});
