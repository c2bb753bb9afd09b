// The options of "whetstone evaluate". Knows how they are spelled, not what they do.
import { evaluateTaskDefaults, evaluateTaskOptions } from './evaluate-task-options.ts';
import type { EvaluateTaskFlags } from './evaluate-task-options.ts';
import type { Schema } from '../options/kinds.ts';

export interface EvaluateFlags extends EvaluateTaskFlags {
  readonly model: readonly string[];
  readonly adapter: readonly string[];
  readonly tasks: readonly string[];
  readonly data: readonly string[];
  readonly out: string;
  readonly preset: string;
  readonly numFewshot: number | null;
  readonly limit: number | null;
  readonly truthfulqaPrimer: string | null;
  readonly config: string | null;
  readonly template: string;
  readonly maxLength: number | null;
  readonly threads: number | null;
  readonly tokenizer: string | null;
  readonly serverPrompts: string;
  readonly concurrency: number;
  readonly timeout: number;
  readonly retries: number;
  readonly apiKeyEnv: string | null;
  readonly resamples: number;
  readonly seed: number;
  readonly details: boolean;
}

const count = { kind: 'number', integer: true, min: 1 } as const;

export const evaluateOptions: Schema<EvaluateFlags> = {
  model: {
    kind: 'list',
    group: 'Models',
    placeholder: 'MODELS',
    help: 'FOLDER, FOLDER+ADAPTER or URL#MODEL, each perhaps as NAME=...; the others are compared with the first',
  },
  adapter: {
    kind: 'list',
    group: 'Models',
    placeholder: 'DIRS',
    help: 'PEFT adapters of the one model folder, each a further model, perhaps as NAME=DIR',
    defaultText: 'none',
  },
  tasks: {
    kind: 'list',
    group: 'Tasks',
    placeholder: 'NAMES',
    help: 'arc_challenge, arc_easy, hellaswag, mmlu, mmlu_stem and its like, mmlu_virology and its like, truthfulqa_mc1, truthfulqa_mc2, truthfulqa (both), paper (its four); win_rate, rouge, held_out, each with a file of its own: --data TASK=FILE',
  },
  data: {
    kind: 'list',
    group: 'Tasks',
    placeholder: 'PLACES',
    help: "DIR with benchmarks in folders of their name, TASK=DIR or TASK=FILE (JSONL or Parquet in the hub's columns), hub, or TASK=hub:ORG/NAME@REVISION",
    defaultText: '',
  },
  preset: {
    kind: 'choice',
    choices: ['0-shot', 'paper'],
    group: 'Tasks',
    help: 'examples before each prompt: none, or as in the paper (25 for ARC, 10 HellaSwag, 5 MMLU, 0 TruthfulQA)',
  },
  numFewshot: {
    kind: 'number',
    integer: true,
    min: 0,
    nullable: true,
    group: 'Tasks',
    help: 'examples before each prompt, whatever the preset; TruthfulQA has none',
    defaultText: 'by the preset',
  },
  limit: {
    ...count,
    nullable: true,
    group: 'Tasks',
    help: 'first documents of each task, and of each subject of MMLU',
    defaultText: 'all',
  },
  truthfulqaPrimer: {
    kind: 'text',
    group: 'Tasks',
    placeholder: 'FILE',
    nullable: true,
    help: "TruthfulQA's questions and answers before each question: a text file or lm-evaluation-harness's truthfulqa_mc1.yaml",
    defaultText: 'one of these beside the data',
  },
  out: {
    kind: 'text',
    group: 'Results',
    placeholder: 'DIR',
    help: 'folder for results, which may have earlier ones',
  },
  details: { kind: 'boolean', group: 'Results', help: 'show each subject of MMLU', defaultText: '' },
  resamples: { ...count, group: 'Results', help: 'resamples of the bootstrap intervals' },
  seed: {
    kind: 'number',
    integer: true,
    min: 0,
    max: 2 ** 32 - 1,
    group: 'Results',
    help: 'seed of the bootstrap intervals, and of sampled responses',
  },
  config: {
    kind: 'text',
    group: 'Results',
    placeholder: 'FILE',
    nullable: true,
    flagOnly: true,
    help: 'YAML file with any of these options; flags win',
  },
  maxLength: {
    ...count,
    nullable: true,
    group: 'Models',
    help: 'longest sequence in tokens; longer prompts lose their beginning',
    defaultText: "the model's positions",
  },
  template: {
    kind: 'text',
    group: 'Models',
    placeholder: 'NAME|FILE',
    help: 'how instructions are put to a model folder; rankings do without',
  },
  threads: {
    ...count,
    max: 512,
    nullable: true,
    group: 'Models',
    help: 'threads of a model in this process',
    defaultText: 'one per core',
  },
  tokenizer: {
    kind: 'text',
    group: 'Servers',
    placeholder: 'DIR',
    nullable: true,
    help: "folder with the tokenizer of a server's model",
  },
  serverPrompts: {
    kind: 'choice',
    choices: ['ids', 'text'],
    group: 'Servers',
    help: 'send prompts as token ids, or as text for a server that takes no ids',
  },
  concurrency: { ...count, max: 1000, group: 'Servers', help: 'requests under way at once' },
  timeout: { kind: 'number', above: 0, group: 'Servers', help: 'seconds that a request may take' },
  retries: {
    kind: 'number',
    integer: true,
    min: 0,
    max: 100,
    group: 'Servers',
    help: 'repeats of a request that failed in a way that may pass',
  },
  apiKeyEnv: {
    kind: 'text',
    group: 'Servers',
    placeholder: 'NAME',
    nullable: true,
    help: 'environment variable with the key',
    defaultText: 'OPENAI_API_KEY',
  },
  ...evaluateTaskOptions,
};

export const evaluateDefaults: Partial<EvaluateFlags> = {
  adapter: [],
  data: [],
  preset: '0-shot',
  numFewshot: null,
  limit: null,
  truthfulqaPrimer: null,
  config: null,
  template: 'alpaca',
  maxLength: null,
  threads: null,
  tokenizer: null,
  serverPrompts: 'ids',
  concurrency: 8,
  timeout: 120,
  retries: 5,
  apiKeyEnv: null,
  resamples: 2000,
  seed: 0,
  details: false,
  ...evaluateTaskDefaults,
};
