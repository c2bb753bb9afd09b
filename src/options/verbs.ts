// Which settings each verb of the command line, and the library's function of the same name, takes, and what is
// different about some of them there. Knows no verb's work, and no method.
import { tableOf } from './selection.ts';
import type { TableOf } from './selection.ts';

const align = {
  takes: [
    'data',
    'skip_invalid',
    'model',
    'out',
    'adapter',
    'Method',
    'Adapter',
    'Optimization',
    'template',
    'template_args',
    'cutoff_len',
    'long_rows',
    'downsample',
    'shuffle',
    'Run',
    'Compute',
    'logging_dir',
    'eval_data',
    'report_prompts',
    'report_seconds',
  ],
  differs: {
    adapter: {
      help: 'start from this PEFT adapter; its rank, alpha and projections hold',
      defaultText: 'a fresh one',
    },
  },
} as const;
export const alignTable: TableOf<typeof align> = tableOf(align);

const online = {
  takes: [
    'model',
    'out',
    'instructions',
    'from',
    'mix',
    'eval_instructions',
    'Method',
    'Adapter',
    'Optimization',
    'template',
    'template_args',
    'cutoff_len',
    'long_rows',
    'shuffle',
    'Run',
    'Compute',
    'logging_dir',
    'Rounds',
    'downsample',
    'Sampling',
    'Judge',
    'Limits',
    'Cost',
  ],
  // Lambda and down-sampling as in arXiv 2312.14591's online scripts; a warm-up that fits rounds of any size, since a
  // round may be shorter than the paper's 100 steps.
  differs: {
    out: { help: 'run directory: run.yaml, events.jsonl, rounds/, metrics.jsonl, adapter/' },
    lambda: { default: 1.1 },
    warmup_steps: { default: 0.1 },
    downsample: { default: 0.25, group: 'Rounds', defaultText: undefined },
    max_new_tokens: { group: 'Responses' },
    temperature: {
      group: 'Responses',
      help: 'of responses to learn from; 0 always takes the likeliest token',
    },
    top_p: { group: 'Responses' },
    top_k: { group: 'Responses' },
    min_p: { group: 'Responses' },
    repetition_penalty: { group: 'Responses' },
    frequency_penalty: { group: 'Responses' },
    presence_penalty: { group: 'Responses' },
    min_tokens: { group: 'Responses' },
    stop: { group: 'Responses' },
    judge_cache: { defaultText: 'RUN/replies.jsonl' },
  },
} as const;
export const onlineTable: TableOf<typeof online> = tableOf(online);

/** Of the methods' settings it takes those of method critique. */
const trainJudge = {
  takes: [
    'data',
    'skip_invalid',
    'model',
    'out',
    'adapter',
    'normalize',
    'Adapter',
    'Optimization',
    'template',
    'template_args',
    'cutoff_len',
    'long_rows',
    'downsample',
    'shuffle',
    'Run',
    'Compute',
    'Judge training',
    'max_new_tokens',
  ],
  differs: {
    out: { help: 'run directory: run.yaml, data/, training/, adapter/, held-out.jsonl, agreement.json' },
    adapter: {
      help: 'start from this PEFT adapter; its rank, alpha and projections hold',
      defaultText: 'a fresh one',
    },
    normalize: {
      help: 'whether each judgment or each of its tokens weighs the same',
      defaultText: undefined,
    },
    max_new_tokens: { group: 'Judge', resume: 'free', help: 'longest judgment in the test, in tokens' },
  },
} as const;
export const trainJudgeTable: TableOf<typeof trainJudge> = tableOf(trainJudge);

const judge = {
  takes: ['data', 'out', 'format', 'overwrite', 'Judge', 'Compute', 'seed', 'Limits', 'Cost'],
  differs: {
    data: {
      stream: 'rows',
      placeholder: 'FILE',
      help: 'rows of instruction, input?, output or of messages: JSON, JSONL, CSV, TSV or Parquet; - for standard input',
    },
    out: { placeholder: 'FILE', help: 'judged triplets, .jsonl or .json' },
    format: { group: 'Files', help: 'format of FILE', defaultText: 'by its name' },
    overwrite: {
      flagOnly: false,
      group: 'Files',
      help: 'replace what is at --out, and judgments of other rows or another judge',
    },
    judge_cache: { defaultText: 'OUT.replies.jsonl' },
    threads: { group: 'Judge', help: 'threads of a local judge' },
    seed: { default: 0, group: 'Judge', help: 'seed of everything random' },
  },
} as const;
export const judgeTable: TableOf<typeof judge> = tableOf(judge);

const score = {
  takes: [
    'data',
    'skip_invalid',
    'model',
    'adapter',
    'out',
    'lambda',
    'template',
    'template_args',
    'cutoff_len',
    'long_rows',
    'Compute',
    'resume',
    'overwrite',
  ],
  differs: {
    data: { stream: 'rows' },
    out: {
      nullable: true,
      stream: 'out',
      placeholder: 'FILE',
      help: 'write JSONL, one object a triplet; - for standard output',
      defaultText: 'print the responses with their flagged tokens marked',
    },
    template: {
      nullable: true,
      default: null,
      defaultText: 'the one that the adapter was trained with, else alpaca',
    },
    resume: { group: 'Files', help: 'go on with what a stopped command left beside --out' },
    overwrite: { group: 'Files', help: 'replace what is at --out, and drop what was left beside it' },
  },
} as const;
export const scoreTable: TableOf<typeof score> = tableOf(score);

const generate = {
  takes: [
    'model',
    'adapter',
    'instruction',
    'judgment',
    'prompt',
    'file',
    'out',
    'template',
    'template_args',
    'Sampling',
    'generation_config',
    'seed',
    'Compute',
    'resume',
    'overwrite',
  ],
  differs: {
    generation_config: { default: 'none', group: 'Sampling' },
    file: { stream: 'lines' },
    out: {
      nullable: true,
      stream: 'out',
      placeholder: 'FILE',
      help: 'write JSONL: index, instruction, output, finished, token_ids; - for standard output',
      defaultText: 'print the responses',
    },
    template: {
      nullable: true,
      default: null,
      defaultText:
        'the one that the adapter was trained with, else chat where the model has a chat template, else alpaca',
    },
    resume: { group: 'Files', help: 'go on with what a stopped command left beside --out' },
    overwrite: { group: 'Files', help: 'replace what is at --out, and drop what was left beside it' },
  },
} as const;
export const generateTable: TableOf<typeof generate> = tableOf(generate);

const merge = {
  takes: ['model', 'adapter', 'out', 'engine', 'nproc', 'python', 'threads', 'device', 'resume', 'overwrite'],
  differs: {
    adapter: {
      nullable: false,
      help: 'PEFT adapter to merge, for instance RUN/adapter',
      defaultText: undefined,
    },
    out: { placeholder: 'DIR', help: 'folder to write the merged model to' },
    resume: { group: 'Files', help: 'go on with what a stopped command left beside --out' },
    overwrite: {
      group: 'Files',
      help: 'replace the model folder at --out, and drop what was left beside it',
    },
  },
} as const;
export const mergeTable: TableOf<typeof merge> = tableOf(merge);

const exporting = {
  takes: ['model', 'adapter', 'out', 'format', 'Export', 'overwrite'],
  differs: {
    adapter: {
      help: 'PEFT adapter to write, or with --merged to fold into the model, for instance RUN/adapter',
      defaultText: 'the model itself is written',
    },
    out: { placeholder: 'FILE', help: 'file to write: .gguf' },
    format: {
      group: 'Export',
      choices: ['gguf'],
      nullable: false,
      default: 'gguf',
      help: 'what to write: gguf, for llama.cpp and what is built on it',
      defaultText: undefined,
    },
    overwrite: { group: 'Files', help: 'replace files that exist' },
  },
} as const;
export const exportTable: TableOf<typeof exporting> = tableOf(exporting);

const serve = {
  takes: [
    'model',
    'adapter',
    'template',
    'template_args',
    'Compute',
    'slots',
    'generation_config',
    'host',
    'port',
    'api_key_env',
    'allowed_hosts',
    'cors_origin',
    'record',
    'learn',
    'learn_config',
    'learn_after',
    'learn_patience',
    'next_message',
    'fixed_prompts',
    'max_drift',
    'max_new_tokens',
    'max_body_bytes',
    'shutdown_timeout',
  ],
  differs: {
    model: {
      group: 'Models',
      placeholder: 'DIR|NAME',
      help: 'Hugging Face model folder, or a model of the hub (ORG/NAME); its name is the name in requests',
    },
    adapter: {
      kind: 'list',
      nullable: true,
      group: 'Models',
      placeholder: '[NAME=]DIR',
      help: 'PEFT adapter, as a model of its own; may be given several times; without NAME it is called after its folder, or after the run it is in',
      defaultText: 'none',
    },
    template: {
      nullable: true,
      default: null,
      group: 'Models',
      help: 'prompt layout of chats: chat, alpaca, or a template file',
      defaultText: 'chat where the model has a chat template, else alpaca',
    },
    threads: { group: 'Models' },
    api_key_env: {
      group: 'Server',
      help: 'environment variable with the key that clients must bring',
      defaultText: 'no key',
    },
    max_new_tokens: {
      nullable: true,
      default: null,
      group: 'Limits',
      defaultText: 'what the context has room for',
    },
  },
} as const;
export const serveTable: TableOf<typeof serve> = tableOf(serve);

const studio = {
  takes: [
    'model',
    'adapter',
    'template',
    'runs',
    'prompts',
    'judge',
    'open',
    'threads',
    'host',
    'port',
    'api_key_env',
    'allowed_hosts',
    'shutdown_timeout',
  ],
  differs: {
    model: { nullable: true, default: null, defaultText: 'none: runs and files alone' },
    adapter: { help: 'PEFT adapter that the conversation begins with', defaultText: 'the model as it is' },
    template: {
      nullable: true,
      default: null,
      group: 'Files',
      defaultText:
        "the adapter's, else template.json of the model folder, else chat where the model has one, else alpaca",
    },
    judge: {
      nullable: true,
      default: null,
      path: true,
      resume: undefined,
      group: 'Studio',
      placeholder: 'FILE',
      help: 'responses for people to judge: rows of instruction, input?, output or of messages; the judged rows go to FILE.judged.jsonl beside it',
      defaultText: 'one is picked in the page',
    },
    threads: { group: 'Studio' },
    host: { help: 'address to listen on; one that others reach needs a key (--api_key_env)' },
    port: { default: 8410 },
    api_key_env: {
      group: 'Server',
      help: 'environment variable with the key that browsers must bring',
      defaultText: 'a secret of its own, in the link that is printed',
    },
    shutdown_timeout: { default: 5, group: 'Server' },
  },
} as const;
export const studioTable: TableOf<typeof studio> = tableOf(studio);

const evaluate = {
  takes: [
    'model',
    'adapter',
    'max_length',
    'template',
    'template_args',
    'Compute',
    'tasks',
    'data',
    'preset',
    'num_fewshot',
    'limit',
    'truthfulqa_primer',
    'out',
    'resamples',
    'seed',
    'tokenizer',
    'server_prompts',
    'concurrency',
    'timeout',
    'retries',
    'api_key_env',
    'max_new_tokens',
    'temperature',
    'top_p',
    'rouge_stem',
    'lambda',
    'judge',
    'judge_prompt',
    'judge_temperature',
    'judge_max_tokens',
    'judge_body',
    'judge_timeout',
    'judge_retries',
    'judge_cache',
    'Comparing',
    'requests_per_minute',
    'tokens_per_minute',
    'Cost',
  ],
  differs: {
    model: {
      kind: 'list',
      group: 'Models',
      placeholder: 'MODELS',
      help: 'FOLDER, FOLDER+ADAPTER or URL#MODEL, each perhaps as NAME=...; the others are compared with the first',
    },
    adapter: {
      kind: 'list',
      default: [],
      group: 'Models',
      placeholder: 'DIRS',
      help: 'PEFT adapters of the one model folder, each a further model, perhaps as NAME=DIR',
      defaultText: 'none',
    },
    template: {
      nullable: true,
      default: null,
      group: 'Models',
      help: 'how instructions are put to a model folder: chat, alpaca, or a template file; rankings do without',
      defaultText:
        'the one that the adapter was trained with, else chat where the model has a chat template, else alpaca',
    },
    template_args: { group: 'Models' },
    threads: { group: 'Models', help: 'threads of a model in this process' },
    data: {
      kind: 'list',
      default: [],
      group: 'Tasks',
      placeholder: 'PLACES',
      help: "DIR with benchmarks in folders of their name, TASK=DIR or TASK=FILE (JSONL or Parquet in the hub's columns), hub, or TASK=hub:ORG/NAME@REVISION; a file of a data set is TASK=hub:ORG/NAME/FILE",
      defaultText: '',
    },
    preset: {
      kind: 'choice',
      choices: ['0-shot', 'paper'],
      default: '0-shot',
      group: 'Tasks',
      help: 'examples before each prompt: none, or as in the paper (25 for ARC, 10 HellaSwag, 5 MMLU, 0 TruthfulQA)',
    },
    out: {
      group: 'Results',
      placeholder: 'DIR',
      help: 'folder for results, which may have earlier ones',
    },
    seed: {
      default: 0,
      group: 'Results',
      help: 'seed of the bootstrap intervals, and of sampled responses',
    },
    concurrency: { group: 'Servers' },
    api_key_env: { group: 'Servers' },
    max_new_tokens: {
      default: 512,
      group: 'Responses',
      help: 'longest response in tokens (win_rate, rouge)',
    },
    temperature: { group: 'Responses' },
    top_p: { group: 'Responses' },
    lambda: {
      group: 'Responses',
      help: 'held_out: a token is flagged when the judgment makes it more than this many times as likely',
    },
    judge: { nullable: true, defaultText: 'needed for win_rate' },
    judge_prompt: {
      help: 'how a chat model is asked: default, or a file with {instruction}, {input}, {output_1} and {output_2}',
    },
    judge_cache: { defaultText: 'OUT/judge-replies.jsonl' },
  },
} as const;
export const evaluateTable: TableOf<typeof evaluate> = tableOf(evaluate);

const report = {
  takes: [
    'run',
    'out',
    'model',
    'eval_data',
    'report_prompts',
    'report_seconds',
    'evaluation',
    'Compute',
    'overwrite',
  ],
  differs: {
    out: {
      nullable: true,
      group: 'Report',
      placeholder: 'FILE',
      help: 'the page to write',
      defaultText: 'RUN/report.html, which is written anew',
    },
    model: {
      nullable: true,
      group: 'Report',
      help: 'where the model lies now, if it was moved',
      defaultText: 'as the run has it',
    },
    eval_data: { defaultText: "as the run has it, else some of the run's own rows" },
    report_prompts: { defaultText: 'as the run has it, else some of the rows that it measures on' },
    report_seconds: { defaultText: 'as the run has it, else 60' },
    threads: { defaultText: 'as the run has it' },
    device: { defaultText: 'as the run has it' },
    overwrite: { group: 'Report', help: 'replace what is at --out' },
  },
} as const;
export const reportTable: TableOf<typeof report> = tableOf(report);

const dataCheck = {
  takes: ['data', 'model', 'template', 'template_args', 'cutoff_len', 'format', 'layout'],
  differs: {
    data: { stream: 'rows' },
    model: {
      nullable: true,
      help: 'model folder whose tokenizer to count tokens with',
      defaultText: 'count characters only',
    },
  },
} as const;
export const dataCheckTable: TableOf<typeof dataCheck> = tableOf(dataCheck);

const dataConvert = {
  takes: ['data', 'out', 'judge', 'format', 'layout', 'skip_invalid', 'overwrite'],
  differs: {
    data: { stream: 'rows', help: 'file to convert; - for standard input' },
    judge: {
      kind: 'choice',
      choices: ['next-message'],
      nullable: true,
      default: null,
      help: "of chats without judgments: next-message takes the user's next message as the judgment of the response before it",
      defaultText: 'none: chats become rows for "whetstone judge"',
    },
    out: {
      stream: 'out',
      placeholder: 'FILE',
      help: 'file to write: .jsonl or .json; - for standard output, as JSONL',
    },
    overwrite: { help: 'replace a file that exists' },
  },
} as const;
export const dataConvertTable: TableOf<typeof dataConvert> = tableOf(dataConvert);

const doctor = {
  takes: ['engine', 'nproc', 'python', 'device'],
  differs: {
    engine: { help: 'the engine to examine: onnx, torch (PyTorch, started here), or torch://HOST:PORT' },
    device: {
      nullable: true,
      default: null,
      help: 'the device to examine',
      defaultText: 'every one that there could be here',
    },
  },
} as const;
export const doctorTable: TableOf<typeof doctor> = tableOf(doctor);

const learn = {
  takes: [
    'home',
    'model',
    'adapter',
    'fixed_prompts',
    'max_drift',
    'Method',
    'Adapter',
    'Optimization',
    'template',
    'template_args',
    'cutoff_len',
    'long_rows',
    'shuffle',
    'seed',
    'Compute',
    'slots',
  ],
  // For some 20 to 50 judgments at a time: more passes over fewer rows, with small batches.
  differs: {
    adapter: {
      help: 'the adapter that the model begins with; its rank, alpha and projections hold',
      defaultText: 'the model as it is, with a fresh one',
    },
    template: {
      nullable: true,
      default: null,
      defaultText:
        'the one that the adapter was trained with, else chat where the model has a chat template, else alpaca',
    },
    // Who marks what a judgment is about has looked; without marks the judgment decides.
    flagged_by: { default: 'marks' },
    long_rows: { default: 'skip' },
    learning_rate: { default: 1e-3 },
    epochs: { default: 12 },
    batch_size: { default: 4 },
    warmup_steps: { default: 0.1 },
    threads: { defaultText: 'all cores; 1 for narrow models' },
  },
} as const;
/** What `openLearning` takes. */
export const learnTable: TableOf<typeof learn> = tableOf(learn);

const engine = {
  takes: ['Engine', 'seed', 'Compute', 'slots'],
  differs: { seed: { default: 0 } },
} as const;
/** What an engine is opened with. */
export const engineTable: TableOf<typeof engine> = tableOf(engine);

const judging = { takes: ['Judge', 'Limits', 'Cost'], differs: {} } as const;
/** What every verb that asks a judge has. */
export const judgingTable: TableOf<typeof judging> = tableOf(judging);
