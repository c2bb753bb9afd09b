// ROUGE as rouge-score computes it.
export { rougeMeans } from './corpus.ts';
export type { RougeEstimate } from './corpus.ts';
export { porterStem } from './porter-stemmer.ts';
export { rouge, rougeOfBest } from './rouge.ts';
export type { DefaultRougeType, RougeScore, RougeScores, RougeSettings, RougeType } from './rouge.ts';
export { rougeTokens } from './tokenize.ts';
