// An OpenAI-compatible server over the engine.
export { isLoopback } from './access.ts';
export { openLearner } from './learner.ts';
export type { Learner, LearnerSettings } from './learner.ts';
export { baseName } from './settings.ts';
export { openModels } from './served-model.ts';
export type { ModelsToServe, NamedAdapter, ServedModel, ServedModels } from './served-model.ts';
export { openRecording } from './recording.ts';
export type { Exchange, Recording } from './recording.ts';
export { startServer } from './server.ts';
export type { RunningServer } from './connections.ts';
export type { ServerOptions } from './server.ts';
