// Ways to find the tokens of a response that a judgment is about, by name.

/** In the order of the table. The last two are 0 or 1. */
export const ways = {
  contrast: 'CUT: log of the ratio of judged to plain probability',
  gradient: "gradient of the judgment's likelihood by the token's embedding",
  attention: 'attention to the judgment where the token is predicted',
  quoted: 'words that the judgment quotes',
  revision: 'asking the model: what its revision changes',
} as const;
export type Way = keyof typeof ways;
export const wayNames: readonly Way[] = Object.keys(ways) as Way[];
/** Those whose scores have more than two values. */
export const gradedWays: readonly Way[] = ['contrast', 'gradient', 'attention'];
