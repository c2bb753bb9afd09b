// An evaluation: its journals, its record, its tables, and the files of its tasks.
import { writeFileSync } from 'node:fs';
import { beforeAll } from 'vitest';
import { given, itKeeps } from './every-file.ts';
import type { Verb } from './every-file.ts';
import { judgedRows, writeJsonl } from '../cli/fixtures.ts';

beforeAll(async () => {
  await writeJsonl(given('references.jsonl'), judgedRows(2));
  writeFileSync(given('compare.mjs'), 'export const compare = () => 1.5;\n');
});

itKeeps({
  evaluate: {
    args: (out) => [
      ...['evaluate', '--model', given('model'), '--tasks', 'held_out,win_rate', '--threads', '1'],
      ...['--data', `held_out=${given('rows.jsonl')},win_rate=${given('references.jsonl')}`],
      ...['--judge', given('compare.mjs'), '--max_new_tokens', '4', '--resamples', '10', '--out', out],
    ],
    varies: /run\.yaml$/,
    sampled: /./,
  },
} satisfies Record<string, Verb>);
