// What a model in this process is computed with.

export const compute = {
  engine: {
    kind: 'text',
    default: 'onnx',
    resume: 'free',
    placeholder: 'NAME',
    help: 'what computes: onnx in this process, torch (PyTorch, started here), or torch://HOST:PORT (PyTorch that runs there)',
  },
  nproc: {
    kind: 'number',
    integer: true,
    min: 1,
    max: 4096,
    default: 1,
    resume: 'free',
    help: 'processes of the engine torch on this machine, one a GPU',
  },
  python: {
    kind: 'text',
    nullable: true,
    resume: 'free',
    placeholder: 'PATH',
    help: 'the Python that has PyTorch, for the engine torch',
    defaultText: 'WHETSTONE_PYTHON, else python3',
  },
  gradient_checkpointing: {
    kind: 'boolean',
    default: false,
    resume: 'free',
    help: 'engine torch: keep the input of each layer alone and compute the rest again on the way back; less memory, more time',
  },
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
    choices: ['float32', 'float16', 'bfloat16'],
    default: 'float32',
    help: 'what weights and the values between ops are kept in: halves take half of the memory, and on the CPU more time; bfloat16 with the engine torch alone',
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
