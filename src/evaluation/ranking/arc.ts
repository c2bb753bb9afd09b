// ARC-Challenge and ARC-Easy (allenai/ai2_arc). Knows their columns and prompt, as lm-evaluation-harness has them in
// lm_eval/tasks/arc/arc_easy.yaml.
import type { Benchmark } from './benchmark.ts';
import type { RankingDocument } from './document.ts';
import type { BenchmarkRow } from './fields.ts';
import { badField, labelsAt, textAt, textsAt } from './fields.ts';

const arc = (name: string, config: string): Benchmark => ({
  name,
  repository: 'allenai/ai2_arc',
  parts: [{ config, header: '' }],
  split: 'test',
  exampleSplit: 'train',
  examples: 'sample',
  metrics: ['acc', 'acc_norm'],
  paperShots: 25,
  document: arcDocument,
});

export const arcChallenge: Benchmark = arc('arc_challenge', 'ARC-Challenge');
export const arcEasy: Benchmark = arc('arc_easy', 'ARC-Easy');

/** Columns: question, choices.text, choices.label, answerKey (one of the labels). */
function arcDocument(row: BenchmarkRow): RankingDocument {
  const question = textAt(row, 'question');
  const choices = textsAt(row, 'choices.text');
  const labels = labelsAt(row, 'choices.label', choices);
  const key = textAt(row, 'answerKey');
  const gold = labels.indexOf(key);
  if (gold < 0) {
    throw badField(
      row,
      'answerKey',
      `one of the labels ${labels.map(String).join(', ')}`,
      JSON.stringify(key),
    );
  }
  return {
    question: `Question: ${question}\nAnswer:`,
    choices,
    truth: choices.map((_, i) => i === gold),
    row: row.fields,
    location: { file: row.file, row: row.row, field: 'choices.text' },
  };
}
