import { appendFile, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { Engine, GenerationRequest } from '../engine/engine.ts';
import type { Triplet } from '../judgments/index.ts';
import { revisionNotes, withRevisions, writeRevisions } from './revisions.ts';
import type { Draft, RevisionRow, RevisionSettings } from './revisions.ts';

let file: string;
beforeEach(async () => {
  file = join(await mkdtemp(join(tmpdir(), 'whetstone-revisions-')), 'revisions.jsonl');
});
afterEach(() => rm(join(file, '..'), { recursive: true, force: true }));

const triplet = (i: number): Triplet => ({
  instruction: `ask ${i}`,
  output: `say ${i}`,
  judgment: 'no',
  source: { file: 'rows.json', row: i + 1 },
});
const drafts = Array.from({ length: 11 }, (_, i): Draft => ({
  index: 2 * i,
  triplet: triplet(2 * i),
  prompt: Int32Array.of(i),
}));

/** Writes "p/seed": the prompt and the seed that it was given; `calls` holds the prompts of each call. */
function scribe(): { engine: Pick<Engine, 'generate'>; calls: number[][] } {
  const calls: number[][] = [];
  const generate = (requests: readonly GenerationRequest[]) => {
    calls.push(requests.map(({ prompt }) => prompt[0]!));
    return Promise.resolve(
      requests.map(({ prompt, sampling }) => ({
        ids: Int32Array.of(prompt[0]!, sampling.seed! % 1000),
        finish: 'end' as const,
      })),
    );
  };
  return { engine: { generate }, calls };
}
const settings = (
  engine: Pick<Engine, 'generate'>,
  rest: Partial<RevisionSettings> = {},
): RevisionSettings => ({
  engine,
  tokenizer: { decode: (ids) => Promise.resolve(Array.from(ids).join('/')) },
  maxNewTokens: 9,
  temperature: 1,
  seed: 5,
  atOnce: 4,
  file,
  ...rest,
});
const onDisk = async (): Promise<RevisionRow[]> =>
  (await readFile(file, 'utf8'))
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line) as RevisionRow);

describe('writeRevisions', () => {
  it('writes a row for every draft, tells how far it is, and is the same with a file and without', async () => {
    const told: string[] = [];
    const { engine, calls } = scribe();
    const onProgress = (done: number, total: number): void => void told.push(`${done}/${total}`);
    const rows = await writeRevisions(drafts, settings(engine, { onProgress }));
    expect(calls).toEqual([
      [0, 1, 2, 3],
      [4, 5, 6, 7],
      [8, 9, 10],
    ]);
    expect(told).toEqual(['0/11', '4/11', '8/11', '11/11']);
    expect(await onDisk()).toEqual(rows);
    expect(rows[3]).toEqual({
      index: 6,
      instruction: 'ask 6',
      output: 'say 6',
      judgment: 'no',
      revision: expect.stringMatching(/^3\/\d+$/) as string,
    });
    expect(await writeRevisions(drafts, settings(scribe().engine, { file: null }))).toEqual(rows);
  });

  it('goes on behind what is there, with the same result, whatever a kill left', async () => {
    const whole = await writeRevisions(drafts, settings(scribe().engine));
    const text = await readFile(file, 'utf8');
    const lines = text.split('\n');
    for (const left of [
      '',
      lines.slice(0, 4).join('\n') + '\n',
      lines.slice(0, 6).join('\n') + '\n{"index',
      text,
    ]) {
      await writeFile(file, left);
      const { engine, calls } = scribe();
      expect(await writeRevisions(drafts, settings(engine))).toEqual(whole);
      expect(await readFile(file, 'utf8')).toBe(text);
      // At most the group under way is written again.
      const there = left.split('\n').length - 1;
      const kept = left === text ? 11 : there - (there % 4);
      expect(calls.flat()).toEqual(drafts.slice(kept).map(({ prompt }) => prompt[0]));
    }
  });

  it('stops between groups when told to, and keeps what is written', async () => {
    const abort = new AbortController();
    const { engine } = scribe();
    const onProgress = (done: number): void => void (done >= 4 && abort.abort());
    await expect(
      writeRevisions(drafts, settings(engine, { signal: abort.signal, onProgress })),
    ).rejects.toMatchObject({ code: 'STOPPED', message: 'stopped after 4 of 11 revisions' });
    expect(await onDisk()).toHaveLength(4);
  });

  it('refuses a file of other rows, with the line', async () => {
    await writeRevisions(drafts, settings(scribe().engine));
    const other = drafts.map((draft) => (draft.index === 6 ? { ...draft, triplet: triplet(7) } : draft));
    await expect(writeRevisions(other, settings(scribe().engine))).rejects.toMatchObject({
      code: 'BAD_RUN',
      location: { file, line: 4 },
    });
    await writeFile(file, 'no JSON\n'.repeat(4));
    await appendFile(file, '');
    await expect(writeRevisions(drafts, settings(scribe().engine))).rejects.toMatchObject({
      code: 'BAD_RUN',
    });
  });
});

it('revisions that teach nothing are left out and counted', () => {
  const triplets = [0, 1, 2, 3, 4].map(triplet);
  const revision = (index: number, text: string, rest: Partial<RevisionRow> = {}): RevisionRow => ({
    ...{ index, instruction: `ask ${index}`, output: `say ${index}`, judgment: 'no', revision: text },
    ...rest,
  });
  const { triplets: revised, counts } = withRevisions(triplets, [
    revision(0, 'better'),
    revision(1, ' \n'),
    revision(2, 'say 2 '),
    revision(4, 'and on and on', { finished: false }),
  ]);
  expect(revised.map((one) => one.revision)).toEqual(['better', undefined, undefined, undefined, undefined]);
  expect(counts).toEqual({ written: 4, empty: 1, unchanged: 1, unfinished: 1 });
  expect(revisionNotes(counts, 'run/revisions.jsonl')).toEqual([
    'The model wrote 4 revisions (run/revisions.jsonl); left out are 1 with nothing in them, 1 that repeat the response, 1 that did not end within --revision_max_new_tokens.',
  ]);
  expect(revisionNotes({ written: 0, empty: 0, unchanged: 0, unfinished: 0 }, null)).toEqual([]);
});
