// Objectives: what a run optimizes.
export * from './objective.ts';
export * from './cut.ts';
export * from './likelihood.ts';
export * from './forward-prediction.ts';
export * from './hindsight.ts';
export * from './feedback-conditional.ts';
export * from './critique.ts';
export * from './ilf.ts';
export * from './dpo.ts';
export * from './dual-cut.ts';
export * from './self-distillation.ts';
export * from './cepo-cut.ts';
export * from './rltf.ts';
export * from './sdpo.ts';
export * from './retaining.ts';
export * from './user-interactions.ts';
