// The settings of judges as flat, namable options, the way command lines and run.yaml spell them. Knows what they
// become; it does not know flags.
import { WhetstoneError } from '../errors.ts';
import { defaultJudgeSettings } from './settings.ts';
import type { JudgeSettings } from './settings.ts';

export interface JudgeFlags {
  readonly judge: string;
  readonly judgePrompt: string;
  readonly judgeTemperature: number | null;
  readonly judgeMaxTokens: number;
  readonly judgeBody: string | null;
  readonly judgeTimeout: number;
  readonly judgeRetries: number;
  readonly judgeCache: string | null;
  readonly concurrency: number;
  readonly requestsPerMinute: number | null;
  readonly tokensPerMinute: number | null;
  readonly apiKeyEnv: string | null;
  readonly inputPrice: number | null;
  readonly outputPrice: number | null;
  readonly currency: string;
  readonly budget: number | null;
}

const d = defaultJudgeSettings;

export const judgeDefaults: Omit<JudgeFlags, 'judge'> = {
  judgePrompt: d.prompt,
  judgeTemperature: d.temperature,
  judgeMaxTokens: d.maxTokens,
  judgeBody: null,
  judgeTimeout: d.timeout,
  judgeRetries: d.retries,
  judgeCache: d.cache,
  concurrency: d.concurrency,
  requestsPerMinute: d.requestsPerMinute,
  tokensPerMinute: d.tokensPerMinute,
  apiKeyEnv: d.apiKeyEnv,
  inputPrice: d.inputPrice,
  outputPrice: d.outputPrice,
  currency: d.currency,
  budget: d.budget,
};

/** Throws WhetstoneError `INVALID_OPTIONS` where `judgeBody` is no JSON object. */
export function judgeSettingsOf(flags: Omit<JudgeFlags, 'judge'>): JudgeSettings {
  return {
    ...d,
    prompt: flags.judgePrompt,
    temperature: flags.judgeTemperature,
    maxTokens: flags.judgeMaxTokens,
    extraBody: parseBody(flags.judgeBody),
    timeout: flags.judgeTimeout,
    bodyTimeout: Math.min(flags.judgeTimeout, d.bodyTimeout),
    retries: flags.judgeRetries,
    cache: flags.judgeCache,
    concurrency: flags.concurrency,
    requestsPerMinute: flags.requestsPerMinute,
    tokensPerMinute: flags.tokensPerMinute,
    apiKeyEnv: flags.apiKeyEnv,
    inputPrice: flags.inputPrice,
    outputPrice: flags.outputPrice,
    currency: flags.currency,
    budget: flags.budget,
  };
}

function parseBody(text: string | null): Readonly<Record<string, unknown>> {
  if (text === null) return {};
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    value = null;
  }
  if (typeof value === 'object' && value !== null && !Array.isArray(value)) {
    return value as Readonly<Record<string, unknown>>;
  }
  throw new WhetstoneError('INVALID_OPTIONS', '--judge_body: expected a JSON object', {
    hint: `For instance --judge_body '{"reasoning_effort":"low"}'.`,
  });
}
