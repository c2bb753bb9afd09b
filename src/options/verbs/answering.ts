// The settings of the verbs that have a model read or write.
import { tableOf } from '../selection.ts';
import type { TableOf } from '../selection.ts';

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
