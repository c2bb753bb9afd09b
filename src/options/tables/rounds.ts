// How an online run goes through its instructions, round after round.

/** The files of an online run. */
export const roundFiles = {
  instructions: {
    kind: 'text',
    path: true,
    resume: 'content',
    placeholder: 'FILE',
    help: 'instructions to respond to: JSONL, JSON, CSV, TSV or Parquet rows of instruction, input? or messages; or .txt',
  },
  from: {
    kind: 'text',
    nullable: true,
    path: true,
    resume: 'content',
    placeholder: 'RUN',
    help: 'run or PEFT adapter that the first round starts from',
    defaultText: 'the model as it is',
  },
  mix: {
    kind: 'text',
    nullable: true,
    path: true,
    resume: 'content',
    placeholder: 'FILE',
    help: 'judged triplets that every round learns from as well',
    defaultText: 'none',
  },
  eval_instructions: {
    kind: 'text',
    nullable: true,
    path: true,
    resume: 'content',
    placeholder: 'FILE',
    help: 'instructions to evaluate on',
    defaultText: 'some of --instructions, which are then not trained on',
  },
} as const;

export const rounds = {
  rounds: {
    kind: 'number',
    integer: true,
    min: 1,
    resume: 'free',
    help: 'rounds in all; more than before, with --resume, lengthens a run',
  },
  per_round: {
    kind: 'number',
    integer: true,
    min: 1,
    help: 'instructions of a round, none of which was used before',
  },
  responses: {
    kind: 'text',
    nullable: true,
    default: null,
    resume: 'free',
    placeholder: 'openai:URL#MODEL',
    help: "server that responds in the model's place, with each round's adapter: vLLM, or one with its endpoints for LoRA",
    defaultText: 'the model in this process',
  },
  responses_key_env: {
    kind: 'text',
    nullable: true,
    default: null,
    resume: 'free',
    placeholder: 'NAME',
    help: 'environment variable with the key of the server that responds',
    defaultText: 'OPENAI_API_KEY',
  },
  eval_size: {
    kind: 'number',
    default: 100,
    integer: true,
    min: 0,
    help: 'instructions to evaluate on before the first and after every round; 0 for none',
  },
  keep_rounds: {
    kind: 'number',
    default: 1,
    integer: true,
    min: 1,
    help: 'learn from the judgments of so many last rounds',
  },
  failed_share: {
    kind: 'number',
    default: 0,
    min: 0,
    max: 1,
    help: 'share of a round given to instructions that failed before, those that failed often first',
  },
  cache_judgments: {
    kind: 'boolean',
    default: true,
    help: 'a response that an earlier round had judged, to the same instruction, is not judged again; false for judges that are not deterministic',
  },
  max_unscored: {
    kind: 'number',
    default: 0.5,
    min: 0,
    max: 1,
    resume: 'free',
    help: 'stop if the judge leaves a larger share of a round without a judgment',
  },
} as const;
