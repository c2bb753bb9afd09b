// Verbs of the lab: the demonstration, a base model from nothing, suites of experiments.
import { expect } from 'vitest';
import { writeModelCard } from '../../lab/cli/world.ts';
import { worldModelDir } from '../../lab/world/model.ts';
import { reproduce } from '../../lab/reproduction/index.ts';
import type { DetectionExperiment, Experiment, Result } from '../../lab/reproduction/experiment.ts';
import { pretrain, pretrainDefaults } from '../../lab/world/pretrain.ts';
import { makeFolder } from '../../src/durable/files.ts';
import { workingIn } from '../../src/durable/held.ts';
import type { DetectionCounts } from '../../src/evaluation/index.ts';
import { itKeeps } from './every-file.ts';
import type { Verb } from './every-file.ts';

const counts: DetectionCounts = {
  ...{ tokens: 10, wrong: 3, flagged: 3, flaggedWrong: 2 },
  ...{ spans: 1, spansFound: 1, onsetsFound: 1 },
};
/** Computes nothing. */
const standIn = {
  run: <E extends Experiment>(experiment: E): Promise<Result<E>> => {
    const detected = (): object => ({
      counts: (experiment as DetectionExperiment).lambdas.map(() => [counts, counts]),
    });
    const result: object = experiment.kind === 'detection' ? detected() : { answers: [] };
    return Promise.resolve(result as Result<E>);
  },
  stop: () => Promise.resolve(),
};

itKeeps({
  demo: {
    args: (out) => [
      'demo',
      '--instructions',
      '8',
      '--tests',
      '2',
      '--model',
      worldModelDir(64),
      '--out',
      out,
    ],
    anew: true,
    varies: /run\.yaml$|metrics\.jsonl$|report\.html$|summary\.json$/,
    sampled: /^(?!.*\/run\/)/,
  },
  'world pretrain': {
    work: async (out) => {
      const small = { hiddenSize: 16, intermediateSize: 16, layers: 1, heads: 1, tokens: 100 };
      for await (const { loss } of pretrain({ ...pretrainDefaults, ...small, out }))
        expect(loss).toBeGreaterThan(0);
    },
    varies: /^\.out|\.partial-/, // what could not be removed
    sampled: /./,
  },
  // Written by the verb after minutes of questions.
  'the model card of world pretrain': {
    work: (out) =>
      workingIn(out, 'anew', async () => {
        await makeFolder(out);
        await writeModelCard(out, '# A base model\n');
      }),
    anew: true,
  },
  reproduce: {
    work: async (out) => {
      const options = { out, model: worldModelDir(64), seeds: 1, runners: [standIn] };
      await reproduce({ name: 'detection', ...options });
    },
    sampled: /./,
    varies: /detection\.(md|json)$|cells\/.*\.json$/, // with the seconds that it took
  },
} satisfies Record<string, Verb>);
