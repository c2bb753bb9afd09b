// The settings of the verbs that train.
import { tableOf } from '../selection.ts';
import type { TableOf } from '../selection.ts';

const align = {
  takes: [
    'data',
    'skip_invalid',
    'model',
    'out',
    'adapter',
    'Method',
    'Retention',
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
    'Retention',
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

const learn = {
  takes: [
    'home',
    'model',
    'adapter',
    'fixed_prompts',
    'max_drift',
    'Method',
    'Retention',
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
