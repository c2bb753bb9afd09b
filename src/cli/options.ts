// Every option of every verb: its type, range and help. Flags, YAML keys, --help and checks all come from here.
// Names are the TypeScript ones; flags and YAML spell them in snake case. Defaults live in alignment/settings.ts.
import { methodLines, methodNames, methodsWith } from '../alignment/methods.ts';
import type { AlignSettings } from '../alignment/settings.ts';
import { scheduleNames } from '../alignment/schedule.ts';
import { escapeHelp } from './escapes.ts';
import type { Option, Schema } from '../options/kinds.ts';

const files = 'Files';
const method = 'Method';
const adapter = 'Adapter';
const optimization = 'Optimization';
const data = 'Data';
const run = 'Run';
const sampling = 'Sampling';

/** Heading of a setting that belongs to some methods. */
const only = (setting: keyof AlignSettings): string => `For ${methodsWith(setting).join(', ')}`;

const modelOption: Option = {
  kind: 'text',
  group: files,
  placeholder: 'DIR|NAME',
  help: 'Hugging Face model folder (config.json, tokenizer.json, *.safetensors), or a model of the hub: ORG/NAME, or ORG/NAME@REVISION for a branch, tag or commit',
};
const templateOption: Option = {
  kind: 'text',
  group: data,
  placeholder: 'NAME|FILE',
  help: 'prompt layout: alpaca, chat (the model\'s own chat template), or a JSON or YAML file with the strings "plain" and "with_judgment" and, for some methods, "critique", "revision", "praise"',
};
const cutoffOption: Option = {
  kind: 'number',
  integer: true,
  min: 2,
  group: data,
  help: 'most tokens of prompt and response; longer prompts lose their beginning, responses are never cut',
};
const threadsOption: Option = {
  kind: 'number',
  integer: true,
  min: 1,
  max: 512,
  nullable: true,
  group: run,
  help: 'threads to compute with',
  defaultText: 'all cores; 1 for narrow models',
};
const lambdaOption: Option = {
  kind: 'number',
  min: 1,
  group: method,
  help: 'a token is flagged when the judgment makes it more than this many times as likely; higher flags fewer tokens, more surely',
};
const seedOption: Option = {
  kind: 'number',
  integer: true,
  min: 0,
  max: 2 ** 32 - 1,
  group: run,
  help: 'seed of everything random; the same seed gives the same bytes',
};
const configOption: Option = {
  kind: 'text',
  group: run,
  placeholder: 'FILE',
  flagOnly: true,
  help: 'YAML file with any of these options as keys (a RUN/run.yaml is one); flags win over it',
};
const dataOption: Option = {
  kind: 'text',
  positional: true,
  group: files,
  placeholder: 'DATA',
  help: 'judged triplets as JSON, JSONL, CSV or Parquet: instruction, input?, output, judgment (null = satisfactory), score?',
};

/** Options of `align` besides the settings of the run itself. */
export interface AlignFlags extends AlignSettings {
  readonly out: string;
  readonly resume: boolean;
  readonly overwrite: boolean;
  readonly config: string;
}

export const alignOptions: Schema<AlignFlags> = {
  data: dataOption,
  model: modelOption,
  out: {
    kind: 'text',
    group: files,
    placeholder: 'RUN',
    help: 'run directory: run.yaml, metrics.jsonl, checkpoints/, adapter/',
  },
  adapter: {
    kind: 'text',
    group: files,
    nullable: true,
    placeholder: 'DIR',
    help: 'start from this PEFT adapter; its rank, alpha and projections hold',
    defaultText: 'a fresh one',
  },

  method: {
    kind: 'choice',
    choices: methodNames,
    explanation: methodLines(),
    group: method,
    help: 'what to learn from the judgments and how, see above',
  },
  normalize: {
    kind: 'choice',
    choices: ['triplets', 'tokens'],
    group: method,
    help: 'whether each triplet or each predicted token of a batch weighs the same; dpo and ilf-dpo compare whole responses',
    defaultText: 'triplets; tokens for feedback-conditional',
  },
  lambda: { ...lambdaOption, group: only('lambda') },
  alpha: { kind: 'number', min: 0, group: only('alpha'), help: 'weight of unlikelihood on flagged tokens' },
  preset: {
    kind: 'choice',
    choices: ['paper', 'released-code'],
    group: only('preset'),
    help: "the paper's equations, or the arithmetic of its released code (which sets alpha 0.5, gamma 0)",
  },
  gamma: {
    kind: 'number',
    min: 0,
    group: only('gamma'),
    help: 'exponent of the dynamic weight p(token | judgment)^gamma; 0 weighs all flagged tokens alike',
  },
  l1: {
    kind: 'boolean',
    group: only('l1'),
    help: 'ablation: the contrast of judged and plain prompt on unsatisfactory responses (L1)',
  },
  alignN: {
    kind: 'boolean',
    group: only('alignN'),
    help: 'ablation: likelihood of unsatisfactory responses given their judgment',
  },
  detection: {
    kind: 'boolean',
    group: only('detection'),
    help: 'ablation: flag only the tokens that the judgment is about, not all',
  },
  dynamicWeight: {
    kind: 'boolean',
    group: only('dynamicWeight'),
    help: 'ablation: weigh flagged tokens by their judged probability',
  },
  alignP: {
    kind: 'boolean',
    group: only('alignP'),
    help: 'likelihood of satisfactory responses as well',
    defaultText: 'true; false for ilf-mle, self-distillation',
  },
  ...dualCutOptions(),
  beta: {
    kind: 'number',
    min: 0,
    group: only('beta'),
    help: 'DPO: strength of the pull towards the model that training began from; DualCUT: extra weight of tokens that praise makes likelier',
    defaultText: '0.1; 1 for dual-cut',
  },
  labelSmoothing: {
    kind: 'number',
    min: 0,
    below: 0.5,
    group: only('labelSmoothing'),
    placeholder: 'P',
    help: 'probability that a preference is the wrong way round',
  },
  revisionMaxNewTokens: {
    kind: 'number',
    integer: true,
    min: 1,
    group: only('revisionMaxNewTokens'),
    help: 'most tokens of a revision that the model writes; rows with a revision of their own keep it',
  },
  revisionTemperature: {
    kind: 'number',
    min: 0,
    group: only('revisionTemperature'),
    help: 'of those revisions; 0 always takes the likeliest token',
  },
  teacher: {
    kind: 'choice',
    choices: ['initial', 'current'],
    group: only('teacher'),
    help: 'who reads the judgment: the model that training began from, or as it is being trained',
  },
  form: {
    kind: 'choice',
    choices: ['sampled', 'full'],
    group: only('form'),
    help: "compare probabilities of the response's own tokens (sampled) or of the whole vocabulary (full)",
  },
  divergence: {
    kind: 'choice',
    choices: ['reverse-kl', 'forward-kl', 'jensen-shannon'],
    group: only('divergence'),
    help: 'of student and teacher, form full: reverse-kl, forward-kl, jensen-shannon',
  },
  importanceClip: {
    kind: 'number',
    above: 0,
    nullable: true,
    group: only('importanceClip'),
    help: 'form sampled: largest ratio that corrects for responses being those of the initial model; none for no correction',
  },
  maxLogRatio: {
    kind: 'number',
    above: 0,
    nullable: true,
    group: only('maxLogRatio'),
    help: 'form sampled: bound, in nats, of what one token can do',
    defaultText: 'none',
  },

  loraR: {
    kind: 'number',
    integer: true,
    min: 1,
    group: adapter,
    help: 'rank of the update of each projection',
  },
  loraAlpha: {
    kind: 'number',
    above: 0,
    group: adapter,
    help: 'the update is scaled by lora_alpha / lora_r',
  },
  loraDropout: {
    kind: 'number',
    min: 0,
    below: 1,
    group: adapter,
    placeholder: 'P',
    help: "share of the update's inputs dropped while training",
  },
  loraTargetModules: {
    kind: 'list',
    group: adapter,
    placeholder: 'NAMES',
    help: 'projections to adapt, comma-separated: q_proj, k_proj, v_proj, o_proj, gate_proj, up_proj, down_proj',
  },

  learningRate: { kind: 'number', min: 0, group: optimization, help: 'peak learning rate of AdamW' },
  lrSchedulerType: {
    kind: 'choice',
    choices: scheduleNames,
    group: optimization,
    placeholder: 'NAME',
    help: `course of the learning rate: ${scheduleNames.join(', ')}`,
  },
  warmupSteps: {
    kind: 'number',
    min: 0,
    group: optimization,
    help: 'optimizer steps over which the learning rate rises from 0; below 1, a share of the run',
  },
  batchSize: {
    kind: 'number',
    integer: true,
    min: 1,
    group: optimization,
    help: 'triplets of one optimizer step',
  },
  epochs: { kind: 'number', above: 0, group: optimization, help: 'passes over the data; may be a fraction' },
  maxSteps: {
    kind: 'number',
    integer: true,
    min: 1,
    nullable: true,
    group: optimization,
    help: 'optimizer steps, whatever epochs says',
    defaultText: 'as epochs says',
  },
  weightDecay: { kind: 'number', min: 0, group: optimization, help: "AdamW's decoupled weight decay" },
  maxGradNorm: {
    kind: 'number',
    min: 0,
    group: optimization,
    help: 'gradients are scaled down to this L2 norm; 0 switches it off',
  },
  adamBeta1: { kind: 'number', min: 0, below: 1, group: optimization, help: "decay of AdamW's first moment" },
  adamBeta2: {
    kind: 'number',
    min: 0,
    below: 1,
    group: optimization,
    help: "decay of AdamW's second moment",
  },
  adamEpsilon: { kind: 'number', above: 0, group: optimization, help: "AdamW's epsilon" },

  template: templateOption,
  cutoffLen: cutoffOption,
  downsample: {
    kind: 'number',
    min: 0,
    nullable: true,
    group: data,
    placeholder: 'R',
    help: 'keep at most R satisfactory rows for each unsatisfactory one',
    defaultText: 'keep all',
  },
  shuffle: { kind: 'boolean', group: data, help: 'a new order of the rows every epoch' },

  seed: seedOption,
  threads: threadsOption,
  saveSteps: {
    kind: 'number',
    integer: true,
    min: 1,
    group: run,
    help: 'optimizer steps between checkpoints',
  },
  saveTotalLimit: { kind: 'number', integer: true, min: 1, group: run, help: 'checkpoints to keep' },
  resume: {
    kind: 'boolean',
    flagOnly: true,
    group: run,
    help: 'go on with the run in --out from its last checkpoint; all its settings hold',
    defaultText: '',
  },
  overwrite: {
    kind: 'boolean',
    flagOnly: true,
    group: run,
    help: 'start anew although --out holds a run, which is moved to RUN.old-N',
    defaultText: '',
  },
  config: configOption,
};

function dualCutOptions(): Pick<
  Schema<AlignFlags>,
  'lambda1' | 'lambda2' | 'lambda3' | 'lambda4' | 'sigma1' | 'sigma2'
> {
  const group = only('lambda1');
  const ratio = (help: string): Option => ({
    ...{ kind: 'number', above: 0, nullable: true, group, help, defaultText: 'lambda' },
  });
  const floor = (help: string): Option => ({ kind: 'number', above: 0, below: 1, group, help });
  return {
    lambda1: ratio(
      'a flagged token is likelier after the judgment than after praise by more than this factor',
    ),
    lambda2: ratio('and likelier than after the plain prompt by more than this one'),
    lambda3: ratio('a good token is likelier after praise than after the judgment by more than this factor'),
    lambda4: ratio('and likelier than after the plain prompt by more than this one'),
    sigma1: floor('a flagged token has at least this probability after the judgment'),
    sigma2: floor('a good token has at least this probability after praise'),
  };
}

export interface ScoreFlags {
  readonly data: string;
  readonly model: string;
  readonly adapter: string | null;
  readonly lambda: number;
  readonly out: string | null;
  readonly template: string;
  readonly cutoffLen: number;
  readonly threads: number | null;
  readonly config: string;
}

export const scoreDefaults: Partial<ScoreFlags> = {
  adapter: null,
  lambda: 1.2,
  out: null,
  template: 'alpaca',
  cutoffLen: 2048,
  threads: null,
};

export const scoreOptions: Schema<ScoreFlags> = {
  data: dataOption,
  model: modelOption,
  adapter: {
    kind: 'text',
    group: files,
    nullable: true,
    placeholder: 'DIR',
    help: 'PEFT adapter to apply',
    defaultText: 'none',
  },
  out: {
    kind: 'text',
    group: files,
    nullable: true,
    placeholder: 'FILE',
    help: 'write JSONL, one object a triplet',
    defaultText: 'print the responses with their flagged tokens marked',
  },
  lambda: lambdaOption,
  template: templateOption,
  cutoffLen: cutoffOption,
  threads: threadsOption,
  config: configOption,
};

export interface GenerateFlags {
  readonly model: string;
  readonly adapter: string | null;
  readonly instruction: string | null;
  readonly judgment: string | null;
  readonly prompt: string | null;
  readonly file: string | null;
  readonly out: string | null;
  readonly template: string;
  readonly maxNewTokens: number;
  readonly temperature: number;
  readonly topP: number;
  readonly topK: number;
  readonly repetitionPenalty: number;
  readonly stop: readonly string[] | null;
  readonly seed: number;
  readonly threads: number | null;
  readonly config: string;
}

export const generateDefaults: Partial<GenerateFlags> = {
  adapter: null,
  instruction: null,
  judgment: null,
  prompt: null,
  file: null,
  out: null,
  template: 'alpaca',
  maxNewTokens: 256,
  temperature: 0,
  topP: 1,
  topK: 0,
  repetitionPenalty: 1,
  stop: null,
  seed: 42,
  threads: null,
};

export const generateOptions: Schema<GenerateFlags> = {
  model: modelOption,
  adapter: {
    kind: 'text',
    group: files,
    nullable: true,
    placeholder: 'DIR',
    help: 'PEFT adapter to apply',
    defaultText: 'none',
  },
  instruction: {
    kind: 'text',
    group: files,
    nullable: true,
    placeholder: 'TEXT',
    help: 'an instruction, put into the prompt template',
    defaultText: '',
  },
  judgment: {
    kind: 'text',
    group: files,
    nullable: true,
    placeholder: 'TEXT',
    help: 'ask for responses that deserve this judgment, for instance "Perfect."',
    defaultText: 'the plain prompt',
  },
  prompt: {
    kind: 'text',
    group: files,
    nullable: true,
    placeholder: 'TEXT',
    help: 'a text to continue as it stands, without a template',
    defaultText: '',
  },
  file: {
    kind: 'text',
    group: files,
    nullable: true,
    placeholder: 'FILE',
    help: 'instructions: a .txt file with one a line, or JSON, JSONL, CSV, TSV or Parquet rows of instruction, input?',
    defaultText: '',
  },
  out: {
    kind: 'text',
    group: files,
    nullable: true,
    placeholder: 'FILE',
    help: 'write JSONL: index, instruction, output, finished, token_ids',
    defaultText: 'print the responses',
  },
  template: templateOption,
  maxNewTokens: { kind: 'number', integer: true, min: 1, group: sampling, help: 'most tokens of a response' },
  temperature: {
    kind: 'number',
    min: 0,
    group: sampling,
    help: '0 always takes the likeliest token; higher draws more freely',
  },
  topP: {
    kind: 'number',
    above: 0,
    max: 1,
    group: sampling,
    help: 'draw from the likeliest tokens that together have this probability',
  },
  topK: {
    kind: 'number',
    integer: true,
    min: 0,
    group: sampling,
    help: 'draw from this many likeliest tokens; 0 from all',
  },
  repetitionPenalty: {
    kind: 'number',
    above: 0,
    group: sampling,
    help: 'above 1, tokens that are there already become less likely; 1 changes nothing',
  },
  stop: {
    kind: 'list',
    nullable: true,
    group: sampling,
    placeholder: 'TEXTS',
    help: `end a response before any of these; ${escapeHelp}`,
    defaultText: 'none',
  },
  seed: seedOption,
  threads: threadsOption,
  config: configOption,
};

export interface MergeFlags {
  readonly model: string;
  readonly adapter: string;
  readonly out: string;
  readonly threads: number | null;
}

export const mergeOptions: Schema<MergeFlags> = {
  model: modelOption,
  adapter: {
    kind: 'text',
    group: files,
    placeholder: 'DIR',
    help: 'PEFT adapter to merge, for instance RUN/adapter',
  },
  out: {
    kind: 'text',
    group: files,
    placeholder: 'DIR',
    help: 'folder to write the merged model to; must not exist',
  },
  threads: threadsOption,
};

export interface CheckFlags {
  readonly data: string;
  readonly model: string | null;
  readonly template: string;
  readonly cutoffLen: number;
  readonly format: string | null;
  readonly layout: string | null;
  readonly show: number;
  readonly json: boolean;
}

const formatOption: Option = {
  kind: 'choice',
  choices: ['json', 'jsonl', 'csv', 'tsv', 'parquet'],
  nullable: true,
  group: data,
  help: 'read the file as this format',
  defaultText: 'by its name and content',
};
const layoutOption: Option = {
  kind: 'text',
  nullable: true,
  group: data,
  placeholder: 'NAME',
  help: 'read its rows as this layout: canonical, alpaca, shepherd, saunders, ultrafeedback, or a variant of them',
  defaultText: 'by its columns',
};

export const checkOptions: Schema<CheckFlags> = {
  data: dataOption,
  model: {
    ...modelOption,
    nullable: true,
    help: 'model folder whose tokenizer to count tokens with',
    defaultText: 'count characters only',
  },
  template: templateOption,
  cutoffLen: cutoffOption,
  format: formatOption,
  layout: layoutOption,
  show: {
    kind: 'number',
    integer: true,
    min: 0,
    group: run,
    help: 'findings of each kind to print; 0 for all',
  },
  json: { kind: 'boolean', group: run, help: 'print the whole report as JSON', defaultText: '' },
};

export interface ConvertFlags {
  readonly data: string;
  readonly out: string;
  readonly format: string | null;
  readonly layout: string | null;
  readonly skipInvalid: boolean;
  readonly overwrite: boolean;
}

export const convertOptions: Schema<ConvertFlags> = {
  data: { ...dataOption, help: 'file to convert' },
  out: { kind: 'text', group: files, placeholder: 'FILE', help: 'file to write: .jsonl or .json' },
  format: formatOption,
  layout: layoutOption,
  skipInvalid: {
    kind: 'boolean',
    group: data,
    help: 'leave out rows that cannot be read, and name them',
    defaultText: '',
  },
  overwrite: { kind: 'boolean', group: run, help: 'replace a file that exists', defaultText: '' },
};
