// The folder of a model that learns, what was said to it, and the studio's secret, on a disk that fails.
import { join } from 'node:path';
import { expect } from 'vitest';
import { openLearning } from '../../src/learning/index.ts';
import { readSecret } from '../../src/studio/access.ts';
import { openTranscript } from '../../src/studio/chat/transcript.ts';
import { openFakeEngine } from '../cli/fake-engine.ts';
import { judgedRows } from '../cli/fixtures.ts';
import { given, itKeeps } from './every-file.ts';
import type { Verb } from './every-file.ts';

/** Judges, learns, and returns to the beginning: each once, however often it is called. */
async function learn(home: string): Promise<void> {
  const learning = await openLearning({
    ...{ home, model: given('model'), template: 'alpaca', openEngine: openFakeEngine() },
    ...{ threads: 1, epochs: 1, batchSize: 2 },
  });
  try {
    for (const [i, row] of judgedRows(4).entries()) await learning.judge({ ...row, id: `j${i}` });
    await learning.withdraw('j3');
    if (learning.canLearn()) await learning.learn();
    await learning.use(0);
  } finally {
    await learning.close();
  }
  expect(learning.versions()).toHaveLength(2);
}

async function talk(path: string): Promise<void> {
  const transcript = await openTranscript(path);
  try {
    if (transcript.named('a1') === null)
      await transcript.add({
        ...{ event: 'answered', id: 'a1', before: [], message: 'Why?', text: 'So.', version: 0, whole: true },
      });
    if (!transcript.isSkipped('a1')) await transcript.add({ event: 'skipped', answer: 'a1' });
  } finally {
    await transcript.close();
  }
}

itKeeps({
  'a model that learns': {
    work: learn,
    varies: /home\.json$|events\.jsonl$|run\.yaml$|metrics\.jsonl$|report\.html$/, // dates, and what was tried before
    sampled: /./,
  },
  'what was said in the studio': { work: talk },
  "the studio's secret": {
    work: async (out) => void (await readSecret(join(out, 'secret'))),
    varies: /secret$/,
  },
} satisfies Record<string, Verb>);
