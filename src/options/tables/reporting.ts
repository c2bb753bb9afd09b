// What a run tells of itself beside its own files: to TensorBoard, and in its report.

export const reporting = {
  logging_dir: {
    kind: 'text',
    nullable: true,
    path: true,
    resume: 'free',
    placeholder: 'DIR',
    help: "write TensorBoard's event files into this folder as well, one a session",
    defaultText: 'none',
  },
  eval_data: {
    kind: 'text',
    nullable: true,
    path: true,
    resume: 'free',
    placeholder: 'FILE',
    help: 'judged rows that are not trained on, in the formats of DATA: the report measures the model on some of them before and after',
    defaultText: 'some of DATA, which the report says',
  },
  report_prompts: {
    kind: 'text',
    nullable: true,
    path: true,
    resume: 'free',
    placeholder: 'FILE',
    help: 'instructions to which the report shows responses before and after: a .txt file with one a line, or rows of instruction, input? or messages',
    defaultText: 'some of the rows that it measures on',
  },
  report_seconds: {
    kind: 'number',
    default: 60,
    min: 0,
    resume: 'free',
    help: 'most seconds for which the report asks the model, before and after; 0 writes it without',
  },
  evaluation: {
    kind: 'text',
    nullable: true,
    path: true,
    resume: 'free',
    placeholder: 'DIR',
    help: "folder of an evaluation that measured the run's adapter: its figures go into the model card",
    defaultText: 'none',
  },
  run: {
    kind: 'text',
    positional: true,
    path: true,
    placeholder: 'RUN',
    help: 'run directory of align, online or train-judge',
  },
} as const;
