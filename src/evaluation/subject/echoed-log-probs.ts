// Log-likelihoods out of prompts that a server echoed with log-probs. Knows which tokens count, sends nothing.
import { WhetstoneError } from '../../errors.ts';
import type { EchoedPrompt } from '../../openai/answers.ts';

/** Where a continuation stands among the tokens of a prompt. */
export interface EchoedSpan {
  readonly start: number;
  readonly end: number;
}

/**
 * Sums of the log-probs (nats) of the spans' tokens, one for each prompt. A token that was generated behind the prompt
 * is left out. Throws WhetstoneError `NO_LOG_PROBS` where the reply has none, and `OTHER_TOKENS` where the server cut
 * the prompt into other tokens than the tokenizer at hand.
 */
export function echoedLikelihoods(
  echoes: readonly (EchoedPrompt | undefined)[],
  spans: readonly EchoedSpan[],
  server: string,
): number[] {
  return spans.map((span, i) => {
    const echo = echoes[i];
    if (echo === undefined) {
      const found = echoes.filter((each) => each !== undefined).length;
      throw noLogProbs(server, `expected a choice for each of ${spans.length} prompts, found ${found}`);
    }
    if (echo.logProbs === null) throw noLogProbs(server, 'the reply has no "logprobs.token_logprobs"');
    return spanSum(echo.logProbs, span, server);
  });
}

function spanSum(logProbs: readonly unknown[], { start, end }: EchoedSpan, server: string): number {
  // One more for the token that was generated, if there was one.
  if (logProbs.length < end) {
    if (logProbs.length <= 1)
      throw noLogProbs(server, 'the reply has log-probs of generated tokens only, not of the prompt');
    throw otherTokens(server, end, logProbs.length);
  }
  if (logProbs.length > end + 1) throw otherTokens(server, end, logProbs.length - 1);
  let sum = 0;
  for (const value of logProbs.slice(start, end)) {
    if (typeof value !== 'number') throw noLogProbs(server, `a token's log-prob is ${JSON.stringify(value)}`);
    sum += value;
  }
  return sum;
}

export const noLogProbs = (server: string, what: string): WhetstoneError =>
  new WhetstoneError('NO_LOG_PROBS', `${what}, so that texts cannot be scored`, {
    file: server,
    hint:
      'Rankings need a server whose /v1/completions scores the prompt ("echo" with "logprobs"), such as vLLM or ' +
      '"whetstone serve". Chat servers and llama.cpp do not.',
  });

const otherTokens = (server: string, expected: number, found: number): WhetstoneError =>
  new WhetstoneError(
    'OTHER_TOKENS',
    `expected ${expected} tokens in the prompt, and the server counts ${found}`,
    {
      file: server,
      hint: "The tokenizer folder must be that of the server's model. Prompts may also go as text or as token ids.",
    },
  );
