import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
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

/**
 * Writes "p/seed": the prompt and the seed that it was given; `asked` holds the prompts in order. Prompts from
 * `forever` on are written until they are given up; `lastFirst` ends the last prompt first, once all are asked.
 */
function scribe({ forever = Infinity, lastFirst = false } = {}): {
  engine: Pick<Engine, 'generate'>;
  asked: number[];
} {
  const asked: number[] = [];
  const waiting: (() => void)[] = [];
  const generate = async ([request]: readonly GenerationRequest[]): ReturnType<Engine['generate']> => {
    const { prompt, sampling, signal } = request!;
    asked.push(prompt[0]!);
    if (prompt[0]! >= forever)
      await new Promise<void>((given) => signal!.addEventListener('abort', () => given()));
    if (lastFirst) {
      const turn = new Promise<void>((given) => waiting.push(given));
      if (waiting.length === drafts.length) waiting.pop()!();
      await turn;
      setImmediate(() => waiting.pop()?.());
    }
    if (signal?.aborted) return [{ ids: prompt, finish: 'aborted' }];
    return [{ ids: Int32Array.of(prompt[0]!, sampling.seed! % 1000), finish: 'end' }];
  };
  return { engine: { generate }, asked };
}
const settings = (
  engine: Pick<Engine, 'generate'>,
  rest: Partial<RevisionSettings> = {},
): RevisionSettings => ({
  engine,
  tokenizer: { decode: (ids) => Promise.resolve(Array.from(ids).join('/')), stopTokenIds: [0] },
  maxNewTokens: 9,
  temperature: 1,
  seed: 5,
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
    const { engine, asked } = scribe();
    const onProgress = (done: number, total: number): void => void told.push(`${done}/${total}`);
    const rows = await writeRevisions(drafts, settings(engine, { onProgress }));
    expect(asked).toEqual([...drafts.keys()]);
    expect(told).toEqual(Array.from({ length: 12 }, (_, done) => `${done}/11`));
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

  it('puts the file in the order of the data, whichever revision was there first', async () => {
    const rows = await writeRevisions(drafts, settings(scribe().engine, { file: null }));
    const longestFirst = scribe({ lastFirst: true });
    expect(await writeRevisions(drafts, settings(longestFirst.engine))).toEqual(rows);
    expect(await onDisk()).toEqual(rows);
  });

  it('goes on with what is there, with the same result, whatever a kill left', async () => {
    const whole = await writeRevisions(drafts, settings(scribe().engine));
    const text = await readFile(file, 'utf8');
    const lines = text.split('\n').slice(0, -1);
    const lefts: (readonly [number[], string])[] = [
      [[], ''],
      [[0, 1, 2, 3], ''],
      [[0, 5, 1, 9], '{"index'],
      [[...drafts.keys()].reverse(), ''],
    ];
    for (const [kept, torn] of lefts) {
      await writeFile(file, kept.map((place) => `${lines[place]!}\n`).join('') + torn);
      const { engine, asked } = scribe();
      expect(await writeRevisions(drafts, settings(engine))).toEqual(whole);
      expect(await readFile(file, 'utf8')).toBe(text);
      expect(asked).toEqual([...drafts.keys()].filter((place) => !kept.includes(place)));
    }
  });

  it('gives up what is under way when told to stop, and keeps what is written', async () => {
    const abort = new AbortController();
    const { engine } = scribe({ forever: 4 });
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
      place: { file, line: 4 },
    });
    await writeFile(file, 'no JSON\n'.repeat(4));
    await expect(writeRevisions(drafts, settings(scribe().engine))).rejects.toMatchObject({
      code: 'DAMAGED_JOURNAL',
      place: { file, line: 1 },
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
  expect(revisionNotes(counts, 'run/revisions.jsonl').map(({ text }) => text)).toEqual([
    'The model wrote 4 revisions (run/revisions.jsonl); left out are 1 with nothing in them, 1 that repeat the response, 1 that did not end within option `revisionMaxNewTokens`.',
  ]);
  expect(revisionNotes({ written: 0, empty: 0, unchanged: 0, unfinished: 0 }, null)).toEqual([]);
});
