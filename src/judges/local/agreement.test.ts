import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { doubtOf, recordedAgreement } from './agreement.ts';

let run: string;
beforeEach(async () => {
  run = await mkdtemp(join(tmpdir(), 'whetstone-agreement-'));
});
afterEach(() => rm(run, { recursive: true, force: true }));

const write = (value: unknown): Promise<void> =>
  writeFile(join(run, 'agreement.json'), typeof value === 'string' ? value : JSON.stringify(value));
const found = (low: number, majority: number): object => ({
  ...{
    rows: 300,
    not_perfect: 200,
    accuracy: 0.7,
    accuracy_interval: [low, 0.8],
    majority_accuracy: majority,
  },
  ...{ precision: 0.7, recall: 0.7, f1: 0.7, unreadable: 0 },
});

describe('doubtOf', () => {
  it('is silent about a judge that is surely better than one decision', async () => {
    await write(found(0.66, 0.65));
    expect(await doubtOf(run)).toBeNull();
  });

  it.each([
    [
      'that may be no better',
      found(0.6, 0.65),
      /70\.0% \(60\.0% to 80\.0%\) of 300 .* 65\.0%: do not trust it yet/,
    ],
    ['that is as good at least', found(0.65, 0.65), /do not trust it yet/],
    ['that was not tested', null, /was not tested/],
  ])('tells of one %s', async (_, value, words) => {
    if (value) await write(value);
    expect(await doubtOf(run)).toMatch(words);
  });

  it.each(['', '{', '[]', 'null', '{"accuracy": 1}', { ...found(0.1, 0.2), accuracy_interval: ['0', '1'] }])(
    'takes no damaged file for either: %j',
    async (value) => {
      await write(value);
      await expect(recordedAgreement(run)).rejects.toMatchObject({ code: 'BAD_RUN' });
    },
  );
});
