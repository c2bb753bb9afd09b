// MMLU (cais/mmlu): its 57 subjects in four groups, columns and prompt, as lm-evaluation-harness has them in
// lm_eval/tasks/mmlu/default.
import { strip } from '../../jinja/python-text.ts';
import type { Benchmark, BenchmarkPart } from './benchmark.ts';
import type { RankingDocument } from './document.ts';
import type { BenchmarkRow } from './fields.ts';
import { badField, indexAt, textAt, textsAt } from './fields.ts';

const subjects: Readonly<Record<string, string>> = {
  mmlu_stem:
    'abstract_algebra anatomy astronomy college_biology college_chemistry college_computer_science ' +
    'college_mathematics college_physics computer_security conceptual_physics electrical_engineering ' +
    'elementary_mathematics high_school_biology high_school_chemistry high_school_computer_science ' +
    'high_school_mathematics high_school_physics high_school_statistics machine_learning',
  mmlu_other:
    'business_ethics clinical_knowledge college_medicine global_facts human_aging management marketing ' +
    'medical_genetics miscellaneous nutrition professional_accounting professional_medicine virology',
  mmlu_social_sciences:
    'econometrics high_school_geography high_school_government_and_politics high_school_macroeconomics ' +
    'high_school_microeconomics high_school_psychology human_sexuality professional_psychology ' +
    'public_relations security_studies sociology us_foreign_policy',
  mmlu_humanities:
    'formal_logic high_school_european_history high_school_us_history high_school_world_history ' +
    'international_law jurisprudence logical_fallacies moral_disputes moral_scenarios philosophy prehistory ' +
    'professional_law world_religions',
};

const parts: readonly BenchmarkPart[] = Object.entries(subjects).flatMap(([group, names]) =>
  names.split(' ').map((config) => ({
    config,
    name: `mmlu_${config}`,
    group,
    header: `The following are multiple choice questions (with answers) about ${config.replaceAll('_', ' ')}.\n\n`,
  })),
);

const mmluOf = (name: string, some: readonly BenchmarkPart[]): Benchmark => ({
  name,
  repository: 'cais/mmlu',
  parts: some,
  split: 'test',
  exampleSplit: 'dev',
  examples: 'first',
  metrics: ['acc'],
  paperShots: 5,
  document: mmluDocument,
});

/** `mmlu`, its groups such as `mmlu_stem`, and its subjects such as `mmlu_virology`. */
export const mmluBenchmarks: readonly Benchmark[] = [
  mmluOf('mmlu', parts),
  ...Object.keys(subjects).map((group) =>
    mmluOf(
      group,
      parts.filter((part) => part.group === group),
    ),
  ),
  ...parts.map((part) => mmluOf(part.name!, [part])),
];

const letters = ['A', 'B', 'C', 'D'];

/** Columns: question, choices (four), answer (an index). The letters are the choices that are ranked. */
function mmluDocument(row: BenchmarkRow): RankingDocument {
  const options = textsAt(row, 'choices');
  if (options.length !== letters.length)
    throw badField(row, 'choices', 'four choices', String(options.length));
  const gold = indexAt(row, 'answer', letters.length);
  const lines = options.map((option, i) => `${letters[i]!}. ${option}\n`);
  return {
    question: `${strip(textAt(row, 'question'))}\n${lines.join('')}Answer:`,
    choices: letters,
    truth: letters.map((_, i) => i === gold),
    row: row.fields,
    location: { file: row.file, row: row.row, field: 'choices' },
  };
}
