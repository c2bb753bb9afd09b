// The settings of the verbs about files of judged triplets.
import { tableOf } from '../selection.ts';
import type { TableOf } from '../selection.ts';

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
