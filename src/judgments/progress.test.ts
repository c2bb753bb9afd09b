// How far a file is read, and its triplets are counted in tokens.
import { mkdtemp, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { checkFile } from './check.ts';
import { readTriplets } from './read.ts';

let dir: string;
const rows = Array.from({ length: 3000 }, (_, i) => ({
  instruction: `Instruction ${i}. ${Math.sin(i)}`.padEnd(700, String(i)),
  output: 'An answer.',
  judgment: null,
}));
beforeAll(async () => void (dir = await mkdtemp(join(tmpdir(), 'whetstone-progress-'))));
afterAll(() => rm(dir, { recursive: true, force: true }));

const csv = [
  'instruction,output,judgment',
  ...rows.map(({ instruction, output }) => `${instruction},${output},`),
].join('\n');
const jsonl = rows.map((row) => JSON.stringify(row)).join('\n');

it.each([
  ['rows.jsonl', jsonl],
  ['rows.json', JSON.stringify(rows)],
  ['rows.csv', csv],
  ['rows.jsonl.gz', gzipSync(jsonl, { level: 0 })],
])('%s tells the bytes that are read, up to all of them', async (name, content) => {
  const file = join(dir, name);
  await writeFile(file, content);
  const heard: [number, number][] = [];
  const { triplets } = await readTriplets(file, { onRead: (...far) => void heard.push(far) });
  expect(triplets).toHaveLength(3000);
  const { size } = await stat(file);
  expect(heard.length).toBeGreaterThan(1);
  expect(heard.every(([done, total], i) => total === size && done >= (heard[i - 1]?.[0] ?? 1))).toBe(true);
  expect(heard.at(-1)![0]).toBe(size);
});

it('a check tells the triplets that are counted', async () => {
  const file = join(dir, 'few.jsonl');
  await writeFile(file, jsonl.split('\n').slice(0, 5).join('\n'));
  const heard: string[] = [];
  await checkFile(file, {
    tokenLengths: () =>
      Promise.resolve({ prompt: 1, judgedPrompt: null, response: 1, retokenized: false, largestToken: 1 }),
    onRead: () => void heard.push('read'),
    onProgress: (done, total) => void heard.push(`${done}/${total}`),
  });
  expect(heard).toEqual(['read', '0/5', '1/5', '2/5', '3/5', '4/5']);
});
