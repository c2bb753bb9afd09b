// What is measured, of which models, and how sure the figures are.

/** The models that are compared. */
export const models = {
  max_length: {
    kind: 'number',
    nullable: true,
    integer: true,
    min: 1,
    help: 'longest sequence in tokens; longer prompts lose their beginning',
    defaultText: "the model's positions",
  },
  tokenizer: {
    kind: 'text',
    nullable: true,
    group: 'Servers',
    placeholder: 'DIR',
    help: "folder with the tokenizer of a server's model",
  },
  server_prompts: {
    kind: 'choice',
    choices: ['ids', 'text'],
    default: 'ids',
    group: 'Servers',
    help: 'send prompts as token ids, or as text for a server that takes no ids',
  },
  timeout: {
    kind: 'number',
    default: 120,
    above: 0,
    group: 'Servers',
    help: 'seconds that a request may take',
  },
  retries: {
    kind: 'number',
    default: 5,
    integer: true,
    min: 0,
    max: 100,
    group: 'Servers',
    help: 'repeats of a request that failed in a way that may pass',
  },
} as const;

export const tasks = {
  tasks: {
    kind: 'list',
    placeholder: 'NAMES',
    help: 'arc_challenge, arc_easy, hellaswag, mmlu, mmlu_stem and its like, mmlu_virology and its like, truthfulqa_mc1, truthfulqa_mc2, truthfulqa (both), paper (its four); win_rate, rouge, held_out, each with a file of its own: --data TASK=FILE',
  },
  num_fewshot: {
    kind: 'number',
    nullable: true,
    integer: true,
    min: 0,
    help: 'examples before each prompt, whatever the preset; TruthfulQA has none',
    defaultText: 'by the preset',
  },
  limit: {
    kind: 'number',
    nullable: true,
    integer: true,
    min: 1,
    help: 'first documents of each task, and of each subject of MMLU',
    defaultText: 'all',
  },
  truthfulqa_primer: {
    kind: 'text',
    nullable: true,
    path: true,
    placeholder: 'FILE',
    help: "TruthfulQA's questions and answers before each question: a text file or lm-evaluation-harness's truthfulqa_mc1.yaml",
    defaultText: 'one of these beside the data',
  },
  rouge_stem: {
    kind: 'boolean',
    default: false,
    group: 'Responses',
    help: 'rouge compares stems of words of more than three letters',
    defaultText: '',
  },
} as const;

export const results = {
  resamples: {
    kind: 'number',
    default: 2000,
    integer: true,
    min: 1,
    help: 'resamples of the bootstrap intervals',
  },
} as const;

/** How a judge compares two responses. */
export const comparing = {
  judge_api_key_env: {
    kind: 'text',
    group: 'Judge',
    nullable: true,
    placeholder: 'NAME',
    help: "environment variable with the judge's key",
    defaultText: 'OPENAI_API_KEY',
  },
  compare_by: {
    kind: 'choice',
    group: 'Judge',
    choices: ['auto', 'pairs', 'verdicts'],
    default: 'auto',
    help: 'show the judge both responses (pairs), or each by itself and compare its verdicts',
    defaultText: 'pairs where the judge can',
  },
  both_orders: {
    kind: 'boolean',
    group: 'Judge',
    default: false,
    help: 'show each pair in both orders and report how often the winner changes; else in an order drawn from its instruction',
    defaultText: '',
  },
  length_table: {
    kind: 'text',
    group: 'Judge',
    nullable: true,
    path: true,
    placeholder: 'FILE',
    help: "AlpacaEval's df_gamed.csv or instruction_difficulty.csv for the length-controlled win rate",
    defaultText: 'none: without difficulties',
  },
} as const;
