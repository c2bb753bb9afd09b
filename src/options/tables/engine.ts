// What an engine is opened with.

export const engine = {
  model_dir: { kind: 'text', path: true, help: 'Hugging Face model folder' },
  adapter_dir: {
    kind: 'text',
    path: true,
    nullable: true,
    help: 'PEFT adapter to start from; its rank, alpha and projections win over those of lora',
  },
  base_model_name: {
    kind: 'text',
    nullable: true,
    help: 'recorded in saved adapters as the base model',
    defaultText: 'the model folder',
  },
} as const;
