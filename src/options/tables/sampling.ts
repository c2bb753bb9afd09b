// How responses are drawn from a model.

export const sampling = {
  max_new_tokens: { kind: 'number', default: 256, integer: true, min: 1, help: 'most tokens of a response' },
  temperature: {
    kind: 'number',
    default: 0,
    min: 0,
    help: '0 always takes the likeliest token; higher draws more freely',
  },
  top_p: {
    kind: 'number',
    default: 1,
    above: 0,
    max: 1,
    help: 'draw from the likeliest tokens that together have this probability',
  },
  top_k: {
    kind: 'number',
    default: 0,
    integer: true,
    min: 0,
    help: 'draw from this many likeliest tokens; 0 from all',
  },
  min_p: {
    kind: 'number',
    default: 0,
    min: 0,
    max: 1,
    help: 'draw from tokens at least this many times as likely as the likeliest; 0 from all',
  },
  repetition_penalty: {
    kind: 'number',
    default: 1,
    min: 0.01,
    max: 100,
    help: 'above 1, tokens that are there already become less likely; 1 changes nothing',
  },
  frequency_penalty: {
    kind: 'number',
    default: 0,
    min: -2,
    max: 2,
    help: 'taken from the logit of a token for each time that the response has it',
  },
  presence_penalty: {
    kind: 'number',
    default: 0,
    min: -2,
    max: 2,
    help: 'taken once from the logits of tokens that the response has',
  },
  min_tokens: {
    kind: 'number',
    default: 0,
    integer: true,
    min: 0,
    help: 'a response ends after so many tokens at the earliest',
  },
  stop: {
    kind: 'list',
    nullable: true,
    placeholder: 'TEXTS',
    help: 'end a response before any of these; \\n, \\t, \\r, \\\\ and \\uXXXX stand for characters, \\u002c for a comma',
    defaultText: 'none',
  },
} as const;
