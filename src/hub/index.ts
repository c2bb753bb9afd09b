// Models and data sets of the Hugging Face hub, through its standard cache.
export { dataSetOfFile, modelOfSnapshot } from './cache.ts';
export { modelFolder } from './model-folder.ts';
export type { ModelFolder } from './model-folder.ts';
export { push, rehearsePush } from './push.ts';
export type { PushOptions, PushRequest, Pushed } from './push.ts';
export type { HubKind } from './repository.ts';
export { describePlan, hubFiles, resolveHub } from './resolve.ts';
export type { HubFolder, HubOptions, HubPlan, HubProgress, HubRequest } from './resolve.ts';
export { hubSettings } from './settings.ts';
export type { HubSettings } from './settings.ts';
