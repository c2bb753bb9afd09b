// Text and tokens: the model's tokenizer, prompt templates, encoded triplets, truncation, tokenizer training.
export { codePointLength } from './unicode.ts';
export type { Span } from './unicode.ts';
export { loadTokenizer } from './tokenizer.ts';
export type { Encoding, Tokenizer } from './tokenizer.ts';
export { instructionWithInput } from './prompt.ts';
export type { PromptTemplate, PromptText } from './prompt.ts';
export { ALPACA, loadTemplate, stringTemplate } from './template.ts';
export { JUDGED_REQUEST } from './chat-template.ts';
export { encodeContinuation, encodePrompt, encodeTriplet } from './encode.ts';
export type { EncodedTriplet, Retokenized, TripletText } from './encode.ts';
export { responseTooLong, truncateLeft, truncateTriplet } from './truncate.ts';
export type { ResponseTooLong, Truncated, TruncationSettings } from './truncate.ts';
export { trainTokenizer, writeTokenizer } from './train-tokenizer.ts';
export type { TokenizerTraining, TrainedTokenizer } from './train-tokenizer.ts';
