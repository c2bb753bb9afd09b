// What is trained and how: the adapter, the optimizer, the course of a run. Defaults are arXiv 2312.14591's for CUT.

export const adapter = {
  lora_r: {
    kind: 'number',
    default: 16,
    integer: true,
    min: 1,
    help: 'rank of the update of each projection',
  },
  lora_alpha: {
    kind: 'number',
    default: 16,
    above: 0,
    help: 'the update is scaled by lora_alpha / lora_r',
  },
  use_rslora: {
    kind: 'boolean',
    default: false,
    help: 'scale the update by lora_alpha / sqrt(lora_r), as rsLoRA does',
  },
  lora_dropout: {
    kind: 'number',
    default: 0.05,
    min: 0,
    below: 1,
    placeholder: 'P',
    help: "share of the update's inputs dropped while training",
  },
  lora_target_modules: {
    kind: 'list',
    default: ['gate_proj', 'up_proj', 'down_proj'],
    placeholder: 'NAMES',
    help: 'projections to adapt, comma-separated: q_proj, k_proj, v_proj, o_proj, gate_proj, up_proj, down_proj; qkv_proj and gate_up_proj where they are one',
  },
} as const;

export const optimization = {
  learning_rate: { kind: 'number', default: 4e-4, min: 0, help: 'peak learning rate of AdamW' },
  lr_scheduler_type: {
    kind: 'choice',
    choices: ['linear', 'cosine', 'constant', 'constant_with_warmup'],
    default: 'cosine',
    help: 'course of the learning rate',
  },
  warmup_steps: {
    kind: 'number',
    default: 100,
    min: 0,
    help: 'optimizer steps over which the learning rate rises from 0; below 1, a share of the run',
  },
  batch_size: { kind: 'number', default: 8, integer: true, min: 1, help: 'triplets of one optimizer step' },
  epochs: { kind: 'number', default: 1, above: 0, help: 'passes over the data; may be a fraction' },
  max_steps: {
    kind: 'number',
    nullable: true,
    integer: true,
    min: 1,
    help: 'optimizer steps, whatever epochs says',
    defaultText: 'as epochs says',
  },
  weight_decay: { kind: 'number', default: 0, min: 0, help: "AdamW's decoupled weight decay" },
  max_grad_norm: {
    kind: 'number',
    default: 1,
    min: 0,
    help: 'gradients are scaled down to this L2 norm; 0 switches it off',
  },
  adam_beta1: { kind: 'number', default: 0.9, min: 0, below: 1, help: "decay of AdamW's first moment" },
  adam_beta2: { kind: 'number', default: 0.999, min: 0, below: 1, help: "decay of AdamW's second moment" },
  adam_epsilon: { kind: 'number', default: 1e-8, above: 0, help: "AdamW's epsilon" },
} as const;

export const run = {
  seed: {
    kind: 'number',
    default: 42,
    integer: true,
    min: 0,
    max: 4294967295,
    help: 'seed of everything random; the same seed gives the same bytes',
  },
  save_steps: {
    kind: 'number',
    default: 25,
    integer: true,
    min: 1,
    resume: 'free',
    help: 'optimizer steps between checkpoints',
  },
  save_total_limit: {
    kind: 'number',
    default: 2,
    integer: true,
    min: 1,
    resume: 'free',
    help: 'checkpoints to keep',
  },
  resume: {
    kind: 'boolean',
    default: false,
    flagOnly: true,
    help: 'go on with the run in --out from its last checkpoint; all its settings hold',
    defaultText: '',
  },
  overwrite: {
    kind: 'boolean',
    default: false,
    flagOnly: true,
    help: 'start anew although --out holds a run, which is moved to RUN.old-N',
    defaultText: '',
  },
} as const;

/** The test of a judge that is trained. */
export const judgeTraining = {
  held_out: {
    kind: 'number',
    default: 0.1,
    group: 'Judge',
    min: 0,
    below: 1,
    placeholder: 'SHARE',
    help: 'share of the instructions kept back to test the judge on; 0 tests nothing',
  },
  yes: {
    kind: 'text',
    default: 'Yes.',
    group: 'Judge',
    help: 'last line of the judgment of a response that is perfect',
  },
  no: {
    kind: 'text',
    default: 'No.',
    group: 'Judge',
    help: 'last line of any other judgment; choose words that the model has',
  },
} as const;
