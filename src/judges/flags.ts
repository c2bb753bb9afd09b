// The settings of judges as flat, namable options, the way command lines and run.yaml spell them. Knows what they
// become; it does not know flags.
import { WhetstoneError } from '../errors.ts';
import { defaultsOf } from '../options/table.ts';
import type { DefaultsOf, SettingsOf } from '../options/table.ts';
import { judgingTable } from '../options/verbs/judging.ts';
import { defaultJudgeSettings } from './settings.ts';
import type { JudgeSettings } from './settings.ts';

export type JudgeFlags = SettingsOf<typeof judgingTable>;

export const judgeDefaults: DefaultsOf<typeof judgingTable> = defaultsOf(judgingTable);

/** Throws WhetstoneError `INVALID_OPTIONS` where `judgeBody` is no JSON object. */
export function judgeSettingsOf(flags: Omit<JudgeFlags, 'judge'>): JudgeSettings {
  return {
    ...defaultJudgeSettings,
    prompt: flags.judgePrompt,
    temperature: flags.judgeTemperature,
    maxTokens: flags.judgeMaxTokens,
    extraBody: parseBody(flags.judgeBody),
    timeout: flags.judgeTimeout,
    bodyTimeout: Math.min(flags.judgeTimeout, defaultJudgeSettings.bodyTimeout),
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
  throw new WhetstoneError('INVALID_OPTIONS', 'expected a JSON object', {
    options: ['judgeBody'],
    hint: 'For instance {"reasoning_effort":"low"}.',
  });
}
