// Text from models: responses to instructions, streamed text, stop strings.
export { generate } from './generate.ts';
export type { GenerateOptions, GeneratedRow } from './generate.ts';
export { generateText } from './generate-text.ts';
export type { TextGeneration, TextRequest } from './generate-text.ts';
export { loadVoice, openModel, templateNote, withModel } from './open-model.ts';
export type { ModelSettings, OpenedModel, VoiceSettings } from './open-model.ts';
export { respond } from './respond.ts';
export type { Response, ResponseSettings } from './respond.ts';
export { samplingOf } from './sampling.ts';
export type { SamplingSettings } from './sampling.ts';
export type { Speaker, Voice } from './speaker.ts';
export { textAndOffsets } from './text-offsets.ts';
export { openTextStream } from './text-stream.ts';
export type { TextPiece, TextStream } from './text-stream.ts';
export { contextOf } from './context.ts';
