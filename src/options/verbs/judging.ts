// The settings of the verbs that ask a judge.
import { tableOf } from '../selection.ts';
import type { TableOf } from '../selection.ts';

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

const judging = { takes: ['Judge', 'Limits', 'Cost'], differs: {} } as const;
/** What every verb that asks a judge has. */
export const judgingTable: TableOf<typeof judging> = tableOf(judging);
