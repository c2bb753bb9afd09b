// Training on every kind of instruction, or on one kind that is judged by ROUGE.
import { ahead, ours } from '../claims.ts';
import { rougeMeasures } from '../measures.ts';
import { titleOf } from '../methods.ts';
import type { SuiteMethod } from '../methods.ts';
import * as paper from '../paper.ts';
import type { Suite, SuiteRow } from '../suite.ts';
import { offline } from './rows.ts';

/** Answers of several words, of which a wrong one has many right: what an overlap of words can grade. */
const special = ['members'];
/** The test split has 280 distinct ones of them. */
const tested = { families: special, atMost: 250 };
const train = 20;
const methods: readonly SuiteMethod[] = ['forward-prediction', 'hindsight', 'ilf-mle', 'ilf-dpo', 'cut'];

export const generalistSpecialist: Suite = {
  name: 'generalist-specialist',
  title: 'Generalist and specialist',
  about:
    `A specialist learns from judgments of ${train} answers to instructions of one family (naming members of a category) and is tested ` +
    `on it, by satisfaction and by ROUGE (F) against the corpus's right answer, as the paper's summarization models are; a ` +
    `generalist learns from ${train} of all families.`,
  layout: 'list',
  paper: { columns: paper.summarization.columns },
  needsWorld: 'it needs a right answer to every instruction',
  measures: rougeMeasures,
  rows: [
    {
      id: 'base',
      label: 'base model',
      against: null,
      training: null,
      part: 'plain',
      tested,
      paper: paper.summarization.rows['base']!,
    },
    ...methods.map((method): SuiteRow => ({
      id: method,
      label: `${titleOf(method)}, specialist`,
      against: 'base',
      training: { ...offline(method), train, only: special },
      part: 'plain',
      tested,
      paper: paper.summarization.rows[method] ?? [null, null, null, null],
    })),
    {
      id: 'generalist',
      label: 'CUT, generalist',
      against: 'base',
      training: { ...offline('cut'), train },
      part: 'plain',
      tested,
    },
    { id: 'base-all', label: 'base model, on all families', against: null, training: null, part: 'plain' },
    {
      id: 'specialist-all',
      label: 'CUT, specialist, on all families',
      against: 'base-all',
      training: { ...offline('cut'), train, only: special },
      part: 'plain',
    },
    {
      id: 'generalist-all',
      label: 'CUT, generalist, on all families',
      against: 'base-all',
      training: { ...offline('cut'), train },
      part: 'plain',
    },
  ],
  claims: (evidence) => [
    ahead(
      evidence,
      {
        claim: 'CUT makes a specialist: it is ahead of the base model by ROUGE-Lsum (39.89 against 10.87).',
        source: 'summarization',
      },
      'cut',
      ['base'],
      'rougeLsum',
    ),
    ahead(
      evidence,
      {
        claim:
          'That specialist is ahead of the one of Forward Prediction by ROUGE-Lsum (39.89 against 38.51).',
        source: 'summarization',
      },
      'cut',
      ['forward-prediction'],
      'rougeLsum',
    ),
    ahead(
      evidence,
      { claim: 'It is ahead of those of Hindsight, ILF-MLE and ILF-DPO by ROUGE-Lsum.', source: ours },
      'cut',
      ['hindsight', 'ilf-mle', 'ilf-dpo'],
      'rougeLsum',
    ),
    ahead(
      evidence,
      { claim: 'CUT makes a generalist: it is ahead of the base model on all families.', source: 'Table 2' },
      'generalist-all',
      ['base-all'],
    ),
    ahead(
      evidence,
      { claim: 'On its own family the specialist is ahead of the generalist.', source: ours },
      'cut',
      ['generalist'],
    ),
  ],
};
