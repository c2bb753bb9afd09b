// The figures that arXiv 2312.14591v4 prints, to stand beside ours. Numbers only; null is "not in the paper".

/** What a column of the paper's figures is, in the paper's words and place. */
export interface PaperColumn {
  readonly title: string;
  /** For instance "Table 2". */
  readonly source: string;
}

/** Rows by the id that the suite's row has, each with a figure for every column. */
export interface PaperTable {
  readonly columns: readonly PaperColumn[];
  readonly rows: Readonly<Record<string, readonly (number | null)[]>>;
}

const alpacaEval = 'AlpacaEval win rate';

/** Table 2: one row a method; [LLaMA2-13b AlpacaEval, LLaMA2-13b TruthfulQA, LLaMA2-chat-13b AlpacaEval]. */
export const table2: PaperTable = {
  columns: [
    { title: `${alpacaEval}, LLaMA2-13b`, source: 'Table 2' },
    { title: 'TruthfulQA, LLaMA2-13b', source: 'Table 2' },
    { title: `${alpacaEval}, LLaMA2-chat-13b`, source: 'Table 2' },
  ],
  rows: {
    base: [1.87, 36.28, 81.09],
    'forward-prediction': [7.11, 34.28, 33.21],
    hindsight: [10.22, 35.61, 36.67],
    'ilf-mle': [4.01, 37.03, 79.31],
    'ilf-dpo': [3.11, 41.84, 83.22],
    cut: [61.06, 49.33, 90.73],
  },
};

/** Summarization with a specialist, 10,827 triplets: from LLaMA2-13b. */
export const summarization: PaperTable = {
  columns: ['ROUGE-1', 'ROUGE-2', 'ROUGE-L', 'ROUGE-Lsum'].map((title) => ({
    title: `${title}, LLaMA2-13b`,
    source: 'summarization',
  })),
  rows: {
    base: [12.91, 6.33, 10.1, 10.87],
    'forward-prediction': [42.42, 28.02, 38.45, 38.51],
    cut: [45.39, 28.4, 39.84, 39.89],
  },
};

/** Table 4: LLaMA2-chat-13b; [TruthfulQA, summarization rougeLsum]. Without detection training diverged (0). */
export const table4: PaperTable = {
  columns: [
    { title: 'TruthfulQA', source: 'Table 4' },
    { title: 'summarization rougeLsum', source: 'Table 4' },
  ],
  rows: {
    base: [45.44, 23.44],
    cut: [52.58, 40.12],
    'without-l1': [39.01, 37.46],
    'without-align-p': [null, 26.37],
    'without-align-n': [47.24, 33.92],
    'without-detection': [0, 0],
    'without-dynamic-weight': [48.84, 40.05],
  },
};

/** Table 5, upper part: LLaMA2-chat before and after CUT, smallest model (7, 13, 70 billion) first. */
export const table5: Pick<PaperTable, 'columns'> & {
  readonly sizes: readonly { readonly base: readonly number[]; readonly cut: readonly number[] }[];
} = {
  columns: [
    { title: alpacaEval, source: 'Table 5' },
    { title: 'TruthfulQA', source: 'Table 5' },
  ],
  sizes: [
    { base: [71.4, 43.71], cut: [86.94, 51.4] },
    { base: [81.09, 45.44], cut: [90.73, 52.58] },
    { base: [92.7, 53.09], cut: [93.04, 55.45] },
  ],
};

/** Table 6: CUT by round on LLaMA2-chat-13b, round 0 before training. Other methods are not in it. */
export const table6: Pick<PaperTable, 'columns'> & { readonly cut: readonly number[] } = {
  columns: [{ title: alpacaEval, source: 'Table 6' }],
  cut: [81.09, 89.75, 90.23, 91.04, 91.68, 90.68],
};

/** What the paper says of figures that print no numbers. */
export const inWords: Readonly<Record<'figure4' | 'figure7' | 'detection', string>> = {
  figure4:
    'The paper (section 5.3, figure 4): with 1000 instructions of four responses each, CUT is ahead of DPO by 37.54 ' +
    'points of AlpacaEval on LLaMA2-13b and by 23.04 on LLaMA2-chat-13b; with up to 3000 it stays ahead or level.',
  figure7:
    'The paper (appendix A.4, figure 7; TruthfulQA, no numbers printed): a moderate number of satisfactory ' +
    'examples is best; it keeps 0.25 for each unsatisfactory one.',
  detection: 'The paper has no known error spans, so it has no figures of this kind.',
};
