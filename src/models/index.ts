// Decoder families, their checkpoints and adapters as graph functions.
export * from './config.ts';
export type { RopeScaling } from './rope-config.ts';
export * from './checkpoint.ts';
export * from './read-model.ts';
export * from './safetensors.ts';
export * from './safetensors-writer.ts';
export * from './rope.ts';
export * from './attention.ts';
export * from './lora.ts';
export * from './gated-unit.ts';
export * from './weights.ts';
export * from './lm-head.ts';
export * from './decoder.ts';
export * from './fresh-model.ts';
export { projectionNames } from './adapted-projections.ts';
export * from './peft.ts';
export type { WriteModelOptions, WrittenModel } from './model-folder.ts';
export * from './merge.ts';
