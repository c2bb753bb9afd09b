// The training engine: its interface and the implementation on ONNX Runtime.
export * from './engine.ts';
export * from './onnx-engine.ts';
export type { EngineOptions } from './model.ts';
export { defaultAdamW, defaultLora } from './options.ts';
export type { Device } from './device.ts';
export { devices, problemOf } from './device.ts';
export { computeOf, openWeights } from './open-weights.ts';
export type { ComputeSettings, WeightSettings } from './open-weights.ts';
export * from './merge.ts';
export * from './verify-merge.ts';
