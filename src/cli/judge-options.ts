// The options of judges, for every verb that asks one. Knows how they are spelled; judges know what they mean.
import { WhetstoneError } from '../errors.ts';
import { defaultJudgeSettings } from '../judges/settings.ts';
import type { JudgeSettings } from '../judges/settings.ts';
import type { Schema } from './option-kinds.ts';

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

const positive = { kind: 'number', integer: true, min: 1 } as const;
const money = { kind: 'number', min: 0, nullable: true } as const;

export const judgeOptions: Schema<JudgeFlags> = {
  judge: {
    kind: 'text',
    group: 'Judge',
    placeholder: 'SPEC',
    help: 'openai:MODEL, URL#MODEL, cmd:COMMAND LINE, a module (./critic.ts), local:RUN or person:FILE',
  },
  judgePrompt: {
    kind: 'text',
    group: 'Judge',
    placeholder: 'NAME|FILE',
    help: 'how a chat model is asked: default, paper, or a file with {instruction}, {input} and {output}',
  },
  judgeTemperature: {
    kind: 'number',
    min: 0,
    nullable: true,
    group: 'Judge',
    help: 'temperature of a chat model; none sends none, for models that refuse it',
  },
  judgeMaxTokens: { ...positive, group: 'Judge', help: 'longest judgment in tokens' },
  judgeBody: {
    kind: 'text',
    group: 'Judge',
    placeholder: 'JSON',
    nullable: true,
    help: 'further fields of a chat request, such as {"reasoning_effort":"low"}; null takes one out',
  },
  judgeTimeout: {
    kind: 'number',
    above: 0,
    max: 300,
    group: 'Judge',
    help: 'seconds until a judge begins to answer',
  },
  judgeRetries: {
    kind: 'number',
    integer: true,
    min: 0,
    max: 100,
    group: 'Judge',
    help: 'repeats of a call that failed in a way that may pass',
  },
  judgeCache: {
    kind: 'text',
    group: 'Judge',
    placeholder: 'FILE',
    nullable: true,
    help: "JSONL file of a chat server's replies, which are not asked for again",
  },
  apiKeyEnv: {
    kind: 'text',
    group: 'Judge',
    placeholder: 'NAME',
    nullable: true,
    help: 'environment variable with the key',
    defaultText: 'OPENAI_API_KEY',
  },
  concurrency: { ...positive, max: 1000, group: 'Limits', help: 'requests under way at once' },
  requestsPerMinute: {
    ...positive,
    nullable: true,
    group: 'Limits',
    help: 'most requests begun in any minute',
    defaultText: 'no limit',
  },
  tokensPerMinute: {
    ...positive,
    nullable: true,
    group: 'Limits',
    help: 'most tokens, prompts and replies together, in any minute',
    defaultText: 'no limit',
  },
  inputPrice: { ...money, group: 'Cost', help: 'price of a million input tokens' },
  outputPrice: { ...money, group: 'Cost', help: 'price of a million output tokens' },
  currency: { kind: 'text', group: 'Cost', placeholder: 'NAME', help: 'of prices and budget' },
  budget: {
    ...money,
    group: 'Cost',
    help: 'no call is made that could cost more than what is left of this',
    defaultText: 'no limit',
  },
};

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
