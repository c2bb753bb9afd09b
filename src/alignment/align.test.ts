import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { fakeEngine } from '../../test/cli/fake-engine.ts';
import type { FakeOptions } from '../../test/cli/fake-engine.ts';
import { judgedRows, writeJsonl, writeTinyModel } from '../../test/cli/fixtures.ts';
import type { TokenExample } from '../engine/engine.ts';
import { align } from './align.ts';
import type { AlignOptions } from './align.ts';
import type { OpenEngine } from '../engine/engine.ts';

let dir: string;
let model: string;
beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), 'whetstone-in-memory-'));
  model = join(dir, 'model');
  await writeTinyModel(model);
});
afterAll(() => rm(dir, { recursive: true, force: true }));

const triplets = judgedRows(12);
/** Opens the stand-in and keeps the batches it is given. */
function opener(options: Partial<FakeOptions> = {}): { openEngine: OpenEngine; batches: TokenExample[][] } {
  const batches: TokenExample[][] = [];
  const openEngine: OpenEngine = ({ seed = 0 }) => {
    const engine = fakeEngine({ seed, ...options });
    return Promise.resolve({
      ...engine,
      step: (batch, ...rest) => {
        batches.push([...batch]);
        return engine.step(batch, ...rest);
      },
    });
  };
  return { openEngine, batches };
}
const lossesOf = async (options: AlignOptions): Promise<number[]> => {
  const run = align({ warmupSteps: 0, batchSize: 4, ...options });
  const losses: number[] = [];
  try {
    for await (const { loss } of run) losses.push(loss);
    return losses;
  } finally {
    await run.dispose();
  }
};

describe('triplets in memory', () => {
  it('train as the same rows from a file do, and write nothing', async () => {
    const data = join(dir, 'data.jsonl');
    await writeJsonl(data, triplets);
    const before = await readdir(dir);
    const { openEngine } = opener();
    const inMemory = await lossesOf({ model, triplets, openEngine });
    expect(inMemory).toHaveLength(3);
    expect(inMemory).toEqual(await lossesOf({ model, data, openEngine }));
    expect(await readdir(dir)).toEqual(before);
  });

  it('have their revisions written in memory as well', async () => {
    const told: number[] = [];
    const { openEngine, batches } = opener();
    const onRevision = (done: number): void => void told.push(done);
    await lossesOf({ model, triplets, method: 'ilf-dpo', openEngine, onRevision });
    expect(told).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8]);
    expect(batches.flat().map(({ sequences }) => Object.keys(sequences).join())).toEqual(
      Array.from({ length: 8 }, () => 'preferred,plain'),
    );
  });

  it('are not mixed with a file or a run directory, and an unknown method is refused before anything', async () => {
    const refused = (options: AlignOptions): Promise<unknown> =>
      align(options)
        .prepare()
        .catch((error: unknown) => error);
    expect(await refused({ model, triplets, data: 'x.jsonl', out: join(dir, 'run') })).toMatchObject({
      code: 'INVALID_OPTIONS',
      message: expect.stringMatching(/`triplets`, option `data`: [^]*`triplets`, option `out`: /) as string,
    });
    expect(await refused({ model, triplets, method: 'ctu' })).toMatchObject({
      code: 'INVALID_OPTIONS',
      message: expect.stringMatching(/`method`: expected one of cut, [^]*found "ctu"/) as string,
    });
    expect(await refused({ triplets })).toMatchObject({
      message: expect.stringMatching(/^option `model`: missing: /) as string,
    });
  });
});

it('an end token stands between the response and what follows it in a critique prompt', async () => {
  const { openEngine, batches } = opener();
  await lossesOf({ model, triplets, method: 'forward-prediction', openEngine });
  const ended = batches.flat().filter(({ sequences }) => sequences.critique);
  expect(ended).toHaveLength(8);
  for (const { sequences } of ended) {
    const { ids, responseStart } = sequences.critique!;
    const prompt = ids.subarray(0, responseStart);
    expect(prompt.filter((id) => id === 1)).toHaveLength(1);
    const response = sequences.plain!.ids.subarray(sequences.plain!.responseStart);
    const end = prompt.indexOf(1);
    expect(Array.from(prompt.subarray(end + 1 - response.length, end + 1))).toEqual(Array.from(response));
    expect(prompt.length - end).toBeGreaterThan(2);
  }
});
