// A file under review: what is decided is kept, what is written follows from it, and the file stays as it is.
import { cp, readFile, readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, expect, it, vi } from 'vitest';
import { readTriplets } from '../read.ts';
import { temporaryFolder } from '../temporary-folder.test-helper.ts';
import { histogramOf } from './histogram.ts';
import { openReview } from './review.ts';
import type { Review } from './review.ts';

const write = temporaryFolder();
const open: Review[] = [];
afterEach(async () => {
  for (const review of open.splice(0)) await review.close();
});

const sound = { instruction: 'Add 1 and 2.', output: '4', judgment: 'It is 3.' };
const lines = [
  sound,
  { ...sound, output: 4, instruction: 'Add 2 and 2 and write it.' },
  { instruction: 'Add 3 and 3.', output: '6' },
  { instruction: 'Add 4 and 4.', output: 'cafÃ©', judgment: ' ' },
  { instruction: 'Add 5 and 5.', output: '', judgment: 'Nothing is there.' },
  { instruction: 'Add 6 and 6.', output: '12', judgment: 'N/A' },
  sound,
];
const text = lines.map((line) => `${JSON.stringify(line)}\n`).join('');

async function review(file: string): Promise<Review> {
  const opened = await openReview(file, {
    journal: (digest) => join(file, '..', 'kept', digest, 'decisions.jsonl'),
    measure: null,
    onChange: () => undefined,
  });
  open.push(opened);
  await vi.waitUntil(() => opened.summary().progress.phase === 'ready', { timeout: 30_000, interval: 10 });
  return opened;
}

it('finds, decides, takes back and writes; nothing is lost by a kill', async () => {
  const file = write('rows.jsonl', text);
  const first = await review(file);
  expect(first.summary()).toMatchObject({
    ...{ rows: 7, triplets: 5, kept: 5, problem: null },
    views: { all: 7, 'invalid-row': 2, 'misread-text': 1, 'blank-judgment': 1, duplicate: 1, left: 4 },
  });
  await first.decide('repair', true, first.view('found'));
  await first.decide('drop', true, [4, 6]);
  await first.decide('satisfactory', true, [2, 5]);
  await first.decide('drop', true, first.view('all'));
  expect(first.summary().kept).toBe(0);
  expect(await first.undo()).toEqual([0, 1, 2, 3, 5]);
  expect(first.summary()).toMatchObject({ kept: 5, decided: { drop: 2, repair: 2, satisfactory: 2 } });
  expect(first.summary().views.left).toBeUndefined();
  // As a kill leaves it: the journal as it is, the last line of it cut off.
  await cp(join(file, '..', 'kept'), join(file, '..', 'killed', 'kept'), { recursive: true });
  await cp(file, join(file, '..', 'killed', 'moved.jsonl'));
  await first.close();
  const [digest] = await readdir(join(file, '..', 'killed', 'kept'));
  const journal = join(file, '..', 'killed', 'kept', digest!);
  await rm(join(journal, 'decisions.jsonl.lock'), { force: true });
  const later = await review(join(file, '..', 'killed', 'moved.jsonl'));
  expect(later.summary()).toMatchObject({ kept: 5, decided: { drop: 2, repair: 2, satisfactory: 2 } });
  const out = join(file, '..', 'new.jsonl');
  expect(await later.write(out)).toEqual({ file: out, rows: 5, leftOut: 0, withErrors: 0 });
  expect((await readTriplets(out)).triplets.map(({ output, judgment }) => [output, judgment])).toEqual([
    ['4', 'It is 3.'],
    ['4', 'It is 3.'],
    ['6', null],
    ['café', null],
    ['12', null],
  ]);
  await expect(later.write(out)).rejects.toMatchObject({ code: 'FILE_EXISTS' });
  expect(await readFile(file, 'utf8')).toBe(text);
});

it('draws lengths in round steps, the limit among them where it is near', () => {
  expect(histogramOf([])).toBeNull();
  expect(histogramOf([1, 2, 2, 3])).toMatchObject({ step: 1, counts: [0, 1, 2, 1], longest: 3, median: 2 });
  const many = Array.from({ length: 1000 }, (_, i) => (i === 0 ? 100_000 : 100 + (i % 50)));
  const picture = histogramOf(many)!;
  expect(picture).toMatchObject({ longest: 100_000, gathersRest: true });
  expect(picture.counts.at(-1)).toBe(1);
  expect(picture.counts.reduce((sum, count) => sum + count, 0)).toBe(1000);
  const limited = histogramOf([10, 20, 100], 128)!;
  expect(limited.counts.length * limited.step).toBeGreaterThan(128);
});
