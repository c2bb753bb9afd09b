// The settings of the verbs that write models.
import { tableOf } from '../selection.ts';
import type { TableOf } from '../selection.ts';

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

const pushing = {
  takes: ['folder', 'repository', 'revision', 'private', 'message', 'dry_run'],
  differs: { dry_run: { group: 'Push', help: 'say which files would be sent where, and send nothing' } },
} as const;
export const pushTable: TableOf<typeof pushing> = tableOf(pushing);
