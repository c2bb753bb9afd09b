// Who judges, within which limits, and what it may cost.

export const judge = {
  judge: {
    kind: 'text',
    resume: 'content',
    placeholder: 'SPEC',
    help: 'openai:MODEL, URL#MODEL, cmd:COMMAND LINE, a module (./critic.ts), local:RUN, person: (in the browser) or person:FILE',
  },
  judge_prompt: {
    kind: 'text',
    default: 'default',
    resume: 'content',
    placeholder: 'NAME|FILE',
    help: 'how a chat model is asked: default, paper, next-message (whether the judgment that a row has is about its response), or a file with {instruction}, {input} and {output}',
  },
  judge_temperature: {
    kind: 'number',
    nullable: true,
    default: 0,
    min: 0,
    help: 'temperature of a chat model; none sends none, for models that refuse it',
  },
  judge_max_tokens: {
    kind: 'number',
    default: 512,
    integer: true,
    min: 1,
    help: 'longest judgment in tokens',
  },
  judge_body: {
    kind: 'text',
    nullable: true,
    placeholder: 'JSON',
    help: 'further fields of a chat request, such as {"reasoning_effort":"low"}; null takes one out',
  },
  judge_timeout: {
    kind: 'number',
    default: 120,
    above: 0,
    max: 300,
    resume: 'free',
    help: 'seconds until a judge begins to answer',
  },
  judge_retries: {
    kind: 'number',
    default: 6,
    integer: true,
    min: 0,
    max: 100,
    resume: 'free',
    help: 'repeats of a call that failed in a way that may pass',
  },
  judge_cache: {
    kind: 'text',
    nullable: true,
    path: true,
    resume: 'free',
    placeholder: 'FILE',
    help: "JSONL file of a chat server's replies, which are not asked for again",
  },
  api_key_env: {
    kind: 'text',
    nullable: true,
    resume: 'free',
    placeholder: 'NAME',
    help: 'environment variable with the key',
    defaultText: 'OPENAI_API_KEY',
  },
} as const;

export const limits = {
  concurrency: {
    kind: 'number',
    default: 8,
    integer: true,
    min: 1,
    max: 1000,
    resume: 'free',
    help: 'requests under way at once',
  },
  requests_per_minute: {
    kind: 'number',
    nullable: true,
    integer: true,
    min: 1,
    resume: 'free',
    help: 'most requests begun in any minute',
    defaultText: 'no limit',
  },
  tokens_per_minute: {
    kind: 'number',
    nullable: true,
    integer: true,
    min: 1,
    resume: 'free',
    help: 'most tokens, prompts and replies together, in any minute',
    defaultText: 'no limit',
  },
} as const;

export const cost = {
  input_price: {
    kind: 'number',
    nullable: true,
    min: 0,
    resume: 'free',
    help: 'price of a million input tokens',
  },
  output_price: {
    kind: 'number',
    nullable: true,
    min: 0,
    resume: 'free',
    help: 'price of a million output tokens',
  },
  currency: {
    kind: 'text',
    default: 'USD',
    resume: 'free',
    placeholder: 'NAME',
    help: 'of prices and budget',
  },
  budget: {
    kind: 'number',
    nullable: true,
    min: 0,
    resume: 'free',
    help: 'no call is made that could cost more than what is left of this',
    defaultText: 'no limit',
  },
} as const;
