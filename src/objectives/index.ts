// Objectives: what a run optimizes.
export * from './objective.ts';
export * from './cut.ts';
export * from './likelihood.ts';
