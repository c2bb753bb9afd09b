// Verbs that write models, or keep them, on a disk that fails: merging, weights in few bits, the hub's cache.
import { readFileSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll } from 'vitest';
import { startFakeHub } from '../../src/hub/fake-hub.test-helper.ts';
import type { FakeHub } from '../../src/hub/fake-hub.test-helper.ts';
import { given, itKeeps } from './every-file.ts';
import { modelVerbs, train } from './verbs.ts';

let hub: FakeHub;
beforeAll(async () => {
  await train('real');
  hub = await startFakeHub();
  hub.repositories.push({
    path: 'ink/well',
    commit: '0123456789abcdef0123456789abcdef01234567',
    branches: ['main'],
    files: Object.fromEntries(
      readdirSync(given('model')).map((name) => [name, readFileSync(join(given('model'), name))]),
    ),
    large: ['model.safetensors'],
  });
});
afterAll(() => hub.close());

itKeeps({
  ...modelVerbs,
  'score with a model of the hub': {
    args: (out) => ['score', given('rows.jsonl'), '--model', 'hub:ink/well', '--out', out],
    env: (root) => ({
      HF_HOME: join(root, 'hub'),
      HF_HUB_CACHE: undefined,
      HF_ENDPOINT: hub.endpoint,
      HF_TOKEN: undefined,
    }),
    resume: '--resume',
    sampled: /hub\//,
  },
});
