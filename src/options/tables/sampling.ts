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
  repetition_penalty: {
    kind: 'number',
    default: 1,
    above: 0,
    help: 'above 1, tokens that are there already become less likely; 1 changes nothing',
  },
  stop: {
    kind: 'list',
    nullable: true,
    placeholder: 'TEXTS',
    help: 'end a response before any of these; \\n, \\t, \\r, \\\\ and \\uXXXX stand for characters, \\u002c for a comma',
    defaultText: 'none',
  },
} as const;
