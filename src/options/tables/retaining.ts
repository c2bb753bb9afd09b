// Prompts outside the scope of the judgments, to which the model's answers stay as they were.

export const retaining = {
  retain: {
    kind: 'text',
    nullable: true,
    path: true,
    resume: 'content',
    placeholder: 'FILE',
    help: 'prompts that the judgments are not about: the model answers them before training, and learns its own answers beside the rows, so that it keeps them; a .txt file with one a line, or rows of instruction, input? or messages',
    defaultText: 'none',
  },
  retain_weight: {
    kind: 'number',
    default: 1,
    above: 0,
    help: 'weight of their mean likelihood beside the loss of the method',
  },
  retain_max_new_tokens: {
    kind: 'number',
    default: 256,
    integer: true,
    min: 1,
    help: 'most tokens of such an answer; one that does not end within them is left out',
  },
} as const;
