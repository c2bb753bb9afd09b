// A small world of instructions with a judge that knows every error: tasks, answers, critiques, a pretraining
// corpus and its tokenizer. Nothing here knows models or training.
export { families } from './families/index.ts';
export type { Family, Kind, Style, Values } from './family.ts';
export { COURTESIES, drawTask, drawTasks, familyOf, parseTask, splitOf } from './task.ts';
export type { Split, Task } from './task.ts';
export {
  corpusAnswer,
  rightAnswer,
  STRAY_RATE,
  strayAnswer,
  TYPICAL_RATE,
  typicalAnswer,
  typicalOf,
} from './answers.ts';
export type { WrittenAnswer, WrittenError } from './answers.ts';
export { findErrors, judge } from './judge.ts';
export type { AnswerError, Verdict } from './judge.ts';
export { documents, DOCUMENT_SHARES, REVISION_RIGHT_RATE, STRAY_SHARE } from './documents.ts';
export type { DocumentKind, WorldDocument } from './documents.ts';
export { END, worldNextMessage, worldTemplate } from './templates.ts';
export { PADDING, UNKNOWN, worldTokenizerFiles, worldTokenizerJson, worldVocabulary } from './tokenizer.ts';
