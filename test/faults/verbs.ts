// Verbs and what they write, as faults find them: command lines, what makes them go on, what differs between two runs.
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'vitest';
import { judgedRows, writeJsonl } from '../cli/fixtures.ts';
import { given, model, run } from './every-file.ts';
import type { Verb } from './every-file.ts';

export type Verbs = Readonly<Record<string, Verb>>;

const score = (out: string): string[] => ['score', given('rows.jsonl'), ...model(), '--out', out];
const convert = (out: string): string[] => ['data', 'convert', given('rows.jsonl'), '--out', out];
const earlier = (root: string): void => writeFileSync(join(root, 'out.jsonl'), 'earlier\n');

const judge = (by: string, out: string): string[] => [
  ...['judge', given('rows.jsonl'), '--judge', by, '--out', out],
];

/** For `rowVerbs`. */
export function writeJudge(): void {
  writeFileSync(
    given('judge.mjs'),
    `export const judge = (row) => row.output.length % 2 ? null : 'It is wrong.';\n`,
  );
}

/** Answers, scores, judgments, converted data. */
export const rowVerbs: Verbs = {
  generate: {
    args: (out) => [
      ...['generate', '--file', given('tasks.jsonl'), ...model(), '--out', out],
      ...['--max_new_tokens', '4'],
    ],
    resume: '--resume',
  },
  score: { args: score, resume: '--resume' },
  'score in the place of a file': { args: (out) => [...score(out), '--overwrite'], before: earlier },
  'data convert': { args: convert, resume: '--overwrite' }, // where only the folder could not be synced the file is there
  'data convert in the place of a file': { args: (out) => [...convert(out), '--overwrite'], before: earlier },
  judge: {
    args: (out) => judge(given('judge.mjs'), out),
    varies: /journal\.jsonl$/, // in the order in which they came
  },
  'judge, which a person is': {
    args: (out, root) => judge(`person:${join(root, 'mine.csv')}`, out),
    code: 3,
    varies: /journal\.jsonl$/, // names the file that is to be filled in
  },
  'judge, for a person who has begun': {
    args: (out, root) => judge(`person:${join(root, 'mine.csv')}`, out),
    before: (root) =>
      writeFileSync(join(root, 'mine.csv'), 'id,instruction,output,judgment\nx,Why?,No.,It is rude.\n'),
    code: 3,
    varies: /journal\.jsonl$/, // names the file that is to be filled in
  },
};

const steps = ['--batch_size', '4', '--lora_r', '2', '--warmup_steps', '0'];
const align = (out: string): string[] => [
  ...['align', given('rows.jsonl'), ...model(), '--out', out, ...steps],
  ...['--epochs', '2', '--save_steps', '1', '--save_total_limit', '1'],
];
/** What says when it was written, or how long it took; the card is written with the report, after the run. */
const dated = /run\.yaml$|metrics\.jsonl$|report\.html$|events\.jsonl$|adapter\/README\.md$/;
/** A training inside a run is as one of `align`. */
const outside = /^(?!.*\/training\/)/;
/** Finds fault with every response. */
const critic = `cmd:sed 's/^{"id":\\("[^"]*"\\).*/{"id":\\1,"judgment":"It is wrong."}/'`;

/** For `trainingVerbs` and `modelVerbs`: rows for a judge to learn from, and a run whose adapter is of that engine. */
export async function train(engine?: 'real'): Promise<void> {
  await writeJsonl(given('more.jsonl'), judgedRows(12));
  const trained = await run(align(given('trained')), given('none'), engine ? { engine } : {});
  expect(trained).toMatchObject({ code: 0, stderr: '' });
}

/** Runs, their rounds, their records, their reports and their events. */
export const trainingVerbs: Verbs = {
  align: { args: align, resume: '--resume', varies: dated },
  'align, for TensorBoard': {
    args: (out, root) => [...align(out), '--logging_dir', join(root, 'events')],
    resume: '--resume',
    varies: new RegExp(`${dated.source}|events/`),
    sampled: /events\//,
  },
  online: {
    args: (out) => [
      ...['online', ...model(), '--instructions', given('tasks.jsonl'), '--out', out, ...steps],
      ...['--judge', critic],
      ...['--rounds', '1', '--per_round', '2', '--eval_size', '1', '--max_new_tokens', '4'],
    ],
    resume: '--resume',
    varies: dated,
    sampled: outside,
  },
  'train-judge': {
    args: (out) => [
      ...['train-judge', given('more.jsonl'), ...model(), '--out', out, ...steps],
      ...['--held_out', '0.3', '--epochs', '1', '--max_new_tokens', '4'],
    ],
    resume: '--resume',
    varies: new RegExp(`${dated.source}|replies\\.jsonl$`), // in the order in which they came
    sampled: outside,
  },
  report: {
    args: (out) => ['report', given('trained'), '--out', out, '--report_seconds', '0'],
    varies: /out\.jsonl$/,
  },
};

/** Models; `train('real')` first. */
export const modelVerbs: Verbs = {
  merge: {
    engine: 'real',
    args: (out) => ['merge', ...model(), '--adapter', given('trained/adapter'), '--out', out],
    resume: '--resume',
  },
  export: {
    engine: 'real',
    args: (_, root) => ['export', '--model', given('model'), '--out', join(root, 'model.gguf')],
  },
  'export of an adapter over one that is there': {
    engine: 'real',
    before: (root) => writeFileSync(join(root, 'adapter.gguf'), 'the old one'),
    args: (_, root) => [
      ...['export', '--model', given('model'), '--adapter', given('trained/adapter')],
      ...['--out', join(root, 'adapter.gguf'), '--overwrite'],
    ],
  },
  'score with weights in few bits': {
    engine: 'real',
    args: (out) => [...score(out), '--base_dtype', 'int8'],
    env: (root) => ({ WHETSTONE_CACHE: join(root, 'cache') }),
    resume: '--resume',
    sampled: /cache\//,
  },
};
