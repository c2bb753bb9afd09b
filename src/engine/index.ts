// The training engine: its interface and the implementation on ONNX Runtime.
export * from './engine.ts';
export * from './onnx-engine.ts';
export type { LongestSequence, MemoryPlan } from './memory.ts';
export { estimatePeakMemory } from './memory.ts';
export * from './verify-merge.ts';
