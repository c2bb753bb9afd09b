// Training on every kind of instruction, or on one kind that is judged by ROUGE.
import { ahead } from '../claims.ts';
import { rougeMeasures } from '../measures.ts';
import { titleOf } from '../methods.ts';
import type { SuiteMethod } from '../methods.ts';
import * as paper from '../paper.ts';
import type { Suite, SuiteRow } from '../suite.ts';
import { offline } from './rows.ts';

/** Answers of several words, of which a wrong one has many right: what an overlap of words can grade. */
const special = ['members'];
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
      tested: special,
      paper: paper.summarization.rows['base']!,
    },
    ...methods.map((method): SuiteRow => ({
      id: method,
      label: `${titleOf(method)}, specialist`,
      against: 'base',
      training: { ...offline(method), train, only: special },
      part: 'plain',
      tested: special,
      paper: paper.summarization.rows[method] ?? [null, null, null, null],
    })),
    {
      id: 'generalist',
      label: 'CUT, generalist',
      against: 'base',
      training: { ...offline('cut'), train },
      part: 'plain',
      tested: special,
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
      'CUT makes a specialist: it is ahead of the base model by ROUGE-Lsum.',
      'cut',
      ['base'],
      'rougeLsum',
    ),
    ahead(
      evidence,
      'The specialist that CUT makes is ahead of those of the other methods by ROUGE-Lsum.',
      'cut',
      methods.filter((method) => method !== 'cut'),
      'rougeLsum',
    ),
    ahead(
      evidence,
      'CUT makes a generalist: it is ahead of the base model on all families.',
      'generalist-all',
      ['base-all'],
    ),
  ],
};
