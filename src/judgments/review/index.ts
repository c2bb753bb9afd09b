// Reviewing a file of judged triplets: what is found row by row, what is decided about it, and the new file.
export { ACTIONS } from './decisions.ts';
export type { Action } from './decisions.ts';
export { actionsOf, findingsLeft, outcomeOf } from './entry.ts';
export type { Entry } from './entry.ts';
export { histogramOf } from './histogram.ts';
export type { Histogram } from './histogram.ts';
export type { Measure, Phase, Progress } from './look-through.ts';
export { openReview } from './review.ts';
export type { Review, ReviewOptions, ReviewSummary, Written } from './review.ts';
export type { View } from './tally.ts';
