// What a model in this process is computed with.

export const compute = {
  threads: {
    kind: 'number',
    nullable: true,
    integer: true,
    min: 1,
    max: 512,
    resume: 'free',
    help: 'threads to compute with',
    defaultText: 'all cores; 1 for narrow models',
  },
  device: {
    kind: 'choice',
    choices: ['cpu', 'webgpu', 'cuda', 'coreml', 'dml', 'auto'],
    default: 'cpu',
    resume: 'free',
    help: 'where the model computes; auto takes the fastest that this machine has, and says which',
  },
  compute_dtype: {
    kind: 'choice',
    choices: ['float32', 'float16'],
    default: 'float32',
    help: 'what weights and the values between ops are kept in: float16 takes half of the memory, and on the CPU more time',
  },
  base_dtype: {
    kind: 'choice',
    choices: ['float32', 'int8', 'int4'],
    default: 'float32',
    help: 'what the frozen weights are stored in: int8 and int4 take a quarter and a seventh of the memory (QLoRA)',
  },
  base_compute: {
    kind: 'choice',
    choices: ['float32', 'int8'],
    default: 'float32',
    help: 'arithmetic with frozen weights in few bits: float32, or int8, which rounds what they are multiplied with and is faster',
  },
} as const;
