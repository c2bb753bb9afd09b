// What a run takes on machines that are not here.
export { gpuKinds, readDevices } from './devices.ts';
export type { Devices, GpuKind } from './devices.ts';
export { memoryOfRank, totalOf } from './memory.ts';
export type { MemoryParts, TrainingShape } from './memory.ts';
export { placeRun, requireRoom } from './placement.ts';
export type { Placement } from './placement.ts';
export { loraElements, modelElements, readShape, shapeOf } from './shape.ts';
export type { DecoderShape } from './shape.ts';
export { estimateSpeed, flopsOfSequence, usualUtilization } from './speed.ts';
export type { DataSize, SpeedEstimate } from './speed.ts';
