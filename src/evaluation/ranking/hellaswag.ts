// HellaSwag (Rowan/hellaswag). Knows its columns and how its texts are cleaned, as lm-evaluation-harness does it in
// lm_eval/tasks/hellaswag/utils.py.
import { capitalize, strip } from '../../jinja/python-text.ts';
import type { Benchmark } from './benchmark.ts';
import type { RankingDocument } from './document.ts';
import type { BenchmarkRow } from './fields.ts';
import { indexAt, textAt, textsAt } from './fields.ts';

export const hellaswag: Benchmark = {
  name: 'hellaswag',
  repository: 'Rowan/hellaswag',
  parts: [{ config: null, header: '' }],
  split: 'validation',
  exampleSplit: 'train',
  examples: 'sample-one-more',
  metrics: ['acc', 'acc_norm'],
  paperShots: 10,
  document: hellaswagDocument,
};

/** Columns: activity_label, ctx_a, ctx_b, endings, label (an index, which the hub writes as text). */
function hellaswagDocument(row: BenchmarkRow): RankingDocument {
  const context = `${textAt(row, 'ctx_a')} ${capitalize(textAt(row, 'ctx_b'))}`;
  const endings = textsAt(row, 'endings');
  const gold = indexAt(row, 'label', endings.length);
  return {
    question: cleaned(`${textAt(row, 'activity_label')}: ${context}`),
    choices: endings.map(cleaned),
    truth: endings.map((_, i) => i === gold),
    row: row.fields,
    location: { file: row.file, row: row.row, field: 'endings' },
  };
}

/** Headings become sentences, bracketed remarks go, and each pair of spaces becomes one. */
export const cleaned = (text: string): string =>
  strip(text)
    .replaceAll(' [title]', '. ')
    .replace(/\[[^\n]*?\]/g, '')
    .replaceAll('  ', ' ');
