// What is read and written, the same for every verb that reads or writes it.

export const files = {
  data: {
    kind: 'text',
    positional: true,
    path: true,
    resume: 'content',
    placeholder: 'DATA',
    help: 'judged triplets as JSON, JSONL, CSV or Parquet: instruction, input?, output (or messages), judgment (null = satisfactory), score?',
  },
  model: {
    kind: 'text',
    path: true,
    resume: 'content',
    placeholder: 'DIR|NAME',
    help: 'Hugging Face model folder (config.json, tokenizer.json, *.safetensors), or a model of the hub: ORG/NAME, or ORG/NAME@REVISION for a branch, tag or commit',
  },
  out: {
    kind: 'text',
    placeholder: 'RUN',
    help: 'run directory: run.yaml, metrics.jsonl, checkpoints/, adapter/',
  },
  adapter: {
    kind: 'text',
    nullable: true,
    path: true,
    resume: 'content',
    placeholder: 'DIR',
    help: 'PEFT adapter to apply',
    defaultText: 'none',
  },
} as const;

/** What `generate` responds to: one of the first three of them. */
export const prompts = {
  instruction: {
    kind: 'text',
    nullable: true,
    placeholder: 'TEXT',
    help: 'an instruction, put into the prompt template',
    defaultText: '',
  },
  judgment: {
    kind: 'text',
    nullable: true,
    placeholder: 'TEXT',
    help: 'ask for responses that deserve this judgment, for instance "Perfect."',
    defaultText: 'the plain prompt',
  },
  prompt: {
    kind: 'text',
    nullable: true,
    placeholder: 'TEXT',
    help: 'a text to continue as it stands, without a template',
    defaultText: '',
  },
  file: {
    kind: 'text',
    nullable: true,
    path: true,
    placeholder: 'FILE',
    help: 'instructions: a .txt file with one a line, or JSON, JSONL, CSV, TSV or Parquet rows of instruction, input? or messages',
    defaultText: '',
  },
} as const;

/** How rows are read and put into prompts. */
export const rows = {
  template: {
    kind: 'text',
    default: 'alpaca',
    resume: 'content',
    placeholder: 'NAME|FILE',
    help: 'prompt layout: alpaca, chat (the model\'s own chat template), or a JSON or YAML file with the strings "plain" and "with_judgment" and, for some methods, "critique", "revision", "with_next_message", "praise"',
  },
  template_args: {
    kind: 'map',
    nullable: true,
    placeholder: 'NAME=VALUE,...',
    help: "values for variables of the model's chat template, for instance enable_thinking=false",
    defaultText: "the template's own",
  },
  cutoff_len: {
    kind: 'number',
    default: 2048,
    integer: true,
    min: 2,
    help: 'most tokens of prompt and response; longer prompts lose their beginning, responses and judgments are never cut',
  },
  long_rows: {
    kind: 'choice',
    choices: ['refuse', 'skip'],
    default: 'refuse',
    help: 'rows whose response and judgment do not fit into cutoff_len, or that are longer than the model takes: refuse them all, or leave them out and count them',
  },
  downsample: {
    kind: 'number',
    nullable: true,
    min: 0,
    placeholder: 'R',
    help: 'keep at most R satisfactory rows for each unsatisfactory one',
    defaultText: 'keep all',
  },
  shuffle: { kind: 'boolean', default: true, help: 'a new order of the rows every epoch' },
  format: {
    kind: 'choice',
    choices: ['json', 'jsonl', 'csv', 'tsv', 'parquet'],
    nullable: true,
    help: 'read the file as this format',
    defaultText: 'by its name and content',
  },
  layout: {
    kind: 'text',
    nullable: true,
    placeholder: 'NAME',
    help: 'read its rows as this layout: canonical, alpaca, shepherd, saunders, ultrafeedback, or a variant of them',
    defaultText: 'by its columns',
  },
  skip_invalid: {
    kind: 'boolean',
    default: false,
    help: 'leave out rows in which "whetstone data check" finds an error, and write them with the reasons beside the output',
    defaultText: '',
  },
} as const;
