// TruthfulQA's multiple-choice tasks (truthfulqa/truthful_qa). Knows their columns and where their primer stands: six
// questions with answers before every question, which the user brings.
import { readFile } from 'node:fs/promises';
import { readYaml } from '../../options/yaml.ts';
import { WhetstoneError } from '../../errors.ts';
import { isFields } from '../../rows/fields.ts';
import { compileTemplate } from '../../jinja/index.ts';
import { rstrip } from '../../jinja/python-text.ts';
import type { Benchmark } from './benchmark.ts';
import type { RankingDocument } from './document.ts';
import type { BenchmarkRow } from './fields.ts';
import { badField, labelsAt, textAt, textsAt } from './fields.ts';
import { reasonOf } from '../../words/system-errors.ts';

const truthfulqa = (metric: 'mc1' | 'mc2'): Benchmark => ({
  name: `truthfulqa_${metric}`,
  repository: 'truthfulqa/truthful_qa',
  parts: [{ config: 'multiple_choice', header: '' }],
  split: 'validation',
  exampleSplit: null,
  examples: 'sample',
  metrics: [metric],
  paperShots: 0,
  fixedShots: 0,
  needsPrimer: true,
  document: (row, primer) => truthfulDocument(row, primer, metric),
});

export const truthfulqaMc1: Benchmark = truthfulqa('mc1');
export const truthfulqaMc2: Benchmark = truthfulqa('mc2');

/** Columns: question; mc1_targets and mc2_targets, each with choices and labels (1 where true, else 0). */
function truthfulDocument(row: BenchmarkRow, primer: string, metric: 'mc1' | 'mc2'): RankingDocument {
  const choices = textsAt(row, `${metric}_targets.choices`);
  const field = `${metric}_targets.labels`;
  const labels = labelsAt(row, field, choices);
  const truth = labels.map((label, i) => {
    if (label === 0 || label === 1) return label === 1;
    throw badField(row, `${field}[${i}]`, '0 or 1', JSON.stringify(label) ?? 'nothing');
  });
  const right = truth.filter(Boolean).length;
  // The harness takes the first choice for the right one, whatever the labels say.
  if (metric === 'mc1' && !(truth[0] && right === 1))
    throw badField(row, field, 'a 1 for the first choice and 0 for the others', JSON.stringify(labels));
  if (right === 0) throw badField(row, field, 'at least one true choice', 'none');
  return {
    question: `${primer}\n\nQ: ${textAt(row, 'question')}\nA:`,
    choices,
    truth,
    row: row.fields,
    location: { file: row.file, row: row.row, field: `${metric}_targets.choices` },
  };
}

/**
 * The primer in a file: the text itself, or the one in a task file of lm-evaluation-harness
 * (`truthfulqa_mc1.yaml`), whose prompt template is rendered. White space at its end is dropped.
 *
 * Throws WhetstoneError `BAD_PRIMER`.
 */
export async function readPrimer(file: string): Promise<string> {
  const text = await readFile(file, 'utf8').catch((error: NodeJS.ErrnoException) => {
    throw badPrimer(file, `the file cannot be read (${reasonOf(error)})`);
  });
  const primer = /\.ya?ml$/i.test(file) ? primerOfTask(text, file) : rstrip(text);
  if (primer.trim() === '') throw badPrimer(file, 'expected questions and answers, found none');
  return primer.replace(/\r\n/g, '\n');
}

function primerOfTask(text: string, file: string): string {
  // "!function utils.name" is a tag of the harness; what it stands for is not needed.
  const task = readYaml(text, { file, code: 'BAD_PRIMER' });
  const template = isFields(task) ? task['doc_to_text'] : undefined;
  if (typeof template !== 'string')
    throw badPrimer(file, 'expected a task file with "doc_to_text", found none', 'doc_to_text');
  const question = '\u{f0000}';
  const end = `\n\nQ: ${question}\nA:`;
  const prompt = compileTemplate(template)({ question });
  if (!prompt.endsWith(end))
    throw badPrimer(file, 'expected a prompt that ends in "Q: {question}" and "A:"', 'doc_to_text');
  return prompt.slice(0, -end.length);
}

const badPrimer = (file: string, what: string, field?: string): WhetstoneError =>
  new WhetstoneError('BAD_PRIMER', what, {
    file,
    ...(field !== undefined && { field }),
    hint: 'Give the primer of TruthfulQA as a text file, or the truthfulqa_mc1.yaml of lm-evaluation-harness.',
  });
