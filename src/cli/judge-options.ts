// The options of judges, for every verb that asks one. Knows how they are spelled; judges know what they mean.
import type { JudgeFlags } from '../judges/flags.ts';
import type { Schema } from '../options/kinds.ts';

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
