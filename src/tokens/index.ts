// Text and tokens: the model's tokenizer, prompt templates, encoded triplets, truncation, tokenizer training.
export { codePointLength } from '../rows/unicode.ts';
export type { Span } from '../rows/unicode.ts';
export { loadTokenizer } from './tokenizer.ts';
export type { Encoding, Tokenizer } from './tokenizer.ts';
export { PRAISE } from './prompt.ts';
export type { PromptPieces, PromptTemplate } from './prompt.ts';
export { ALPACA, loadTemplate, recordedTemplate, stringTemplate } from './template.ts';
export {
  describeTemplate,
  readTemplateRecord,
  sameTemplate,
  writeTemplateRecord,
} from './template-record.ts';
export type { TemplateRecord, TemplateStrings } from './template-record.ts';
export { conversationTemplate, JUDGED_REQUEST } from './chat-template.ts';
export type { ChatTokenizer, RenderChat, TemplateArgs } from './chat-template.ts';
export type { Turn } from './turn.ts';
export {
  encodeContinuation,
  encodePieces,
  encodePrompt,
  encodeResponse,
  encodeTriplet,
  responseEnd,
} from './encode.ts';
export type { EncodedResponse, EncodedTriplet, ResponseEnd, Retokenized, TripletText } from './encode.ts';
export { responseTooLong, truncateLeft } from './truncate.ts';
export type { ResponseTooLong, TruncationSettings } from './truncate.ts';
export { trainTokenizer, writeTokenizer } from './train-tokenizer.ts';
export type { TokenizerTraining, TrainedTokenizer } from './train-tokenizer.ts';
