// What a model or an adapter is written as for other programs.

export const exporting = {
  outtype: {
    kind: 'choice',
    choices: ['f32', 'f16', 'q8_0'],
    default: 'f16',
    help: 'how matrices are stored, as llama.cpp names it; vectors and adapters are float32 always',
  },
  merged: {
    kind: 'boolean',
    default: false,
    flagOnly: true,
    help: 'fold the adapter into the model, in place of writing it alone',
    defaultText: '',
  },
  modelfile: {
    kind: 'text',
    nullable: true,
    path: true,
    placeholder: 'FILE',
    help: 'write a Modelfile for Ollama as well: the file, the prompt that the adapter was trained with, its ends',
    defaultText: 'none',
  },
} as const;
