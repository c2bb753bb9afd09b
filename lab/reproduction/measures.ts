// What the numbers of a table are. Knows names and units.

export interface Measure {
  readonly id:
    'success' | 'ranking' | 'rouge1' | 'rouge2' | 'rougeL' | 'rougeLsum' | 'good' | 'bad' | 'flagged';
  readonly title: string;
  readonly unit: 'share' | 'nats';
}

export const successMeasure: Measure = { id: 'success', title: 'satisfactory answers', unit: 'share' };

/** What else can be measured of every test instruction, beside whether its answer is satisfactory. */
export const rankingMeasure: Measure = { id: 'ranking', title: 'right answer ranked first', unit: 'share' };
export const rougeMeasures: readonly Measure[] = [
  { id: 'rouge1', title: 'ROUGE-1', unit: 'share' },
  { id: 'rouge2', title: 'ROUGE-2', unit: 'share' },
  { id: 'rougeL', title: 'ROUGE-L', unit: 'share' },
  { id: 'rougeLsum', title: 'ROUGE-Lsum', unit: 'share' },
];

/** Of held-out rows; nats are per response token. */
export const heldOutMeasures: readonly Measure[] = [
  { id: 'good', title: 'log-perplexity of satisfactory responses, nats', unit: 'nats' },
  { id: 'bad', title: 'of unsatisfactory ones', unit: 'nats' },
  { id: 'flagged', title: 'tokens still flagged', unit: 'share' },
];
