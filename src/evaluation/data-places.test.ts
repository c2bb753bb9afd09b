import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startFakeHub } from '../hub/fake-hub.test-helper.ts';
import type { FakeHub } from '../hub/fake-hub.test-helper.ts';
import { fetchPlaces, namePlaces } from './data-places.ts';
import { tasksNamed } from './tasks.ts';

const places = (tasks: readonly string[], data: readonly string[]): unknown => {
  const { folders, ofTask, fromHub, filesFromHub } = namePlaces(data, tasksNamed(tasks));
  const hub = Object.fromEntries(fromHub.map(({ benchmark, place }) => [benchmark.name, place]));
  return { folders, ofTask, hub: { ...hub, ...filesFromHub } };
};
const main = { id: null, file: null, revision: 'main' };

describe('fetchPlaces', () => {
  let hub: FakeHub;
  let cache: string;
  const commit = '0123456789abcdef0123456789abcdef01234567';
  beforeAll(async () => {
    hub = await startFakeHub();
    cache = await mkdtemp(join(tmpdir(), 'whetstone-places-'));
    const repository = (path: string, files: Record<string, string>): void =>
      void hub.repositories.push({ path: `datasets/${path}`, commit, branches: ['main', 'v1'], files });
    repository('ink/one', { 'README.md': '#', 'dataset_infos.json': '{}', 'data/test.jsonl': '{"a":1}\n' });
    repository('ink/two', { 'a.jsonl': '{}\n', 'b.csv': 'x\n' });
    repository('ink/none', { 'README.md': '#' });
    repository('tatsu-lab/alpaca_eval', { 'alpaca_eval_gpt4_baseline.json': '[]', 'alpaca_eval.json': '[]' });
  });
  afterAll(async () => {
    await hub.close();
    await rm(cache, { recursive: true, force: true });
  });
  const fetched = async (task: string, data: string): Promise<string> => {
    const settings = {
      ...{ cache, endpoint: hub.endpoint, token: null, offline: false, symlinks: true },
      ...{ answerTimeout: 5000, stallTimeout: 5000, retryDelay: 1 },
    };
    const named = namePlaces([data], tasksNamed([task]));
    const { ofBenchmark } = await fetchPlaces(named, () => 0, { settings });
    return readFile(ofBenchmark[task]!, 'utf8');
  };

  it.each([
    ['rouge', 'rouge=hub:ink/one', '{"a":1}\n'],
    ['rouge', 'rouge=hub:ink/one/data/test.jsonl@v1', '{"a":1}\n'],
    ['held_out', 'held_out=hub:ink/two/b.csv', 'x\n'],
    ['win_rate', 'win_rate=hub', '[]'],
  ])('%s gets the file of %s', async (task, data, content) => {
    expect(await fetched(task, data)).toBe(content);
  });

  it.each([
    [
      'rouge=hub:ink/two',
      /has 2 files with rows, and rouge needs one[^]*rouge=hub:ink\/two\/a\.jsonl[^]*b\.csv/,
    ],
    ['rouge=hub:ink/none', /has no file with rows/],
    ['rouge=hub:ink/one/data/tset.jsonl', /has no file "data\/tset\.jsonl"[^]*data\/test\.jsonl/],
    ['rouge=hub:ink/nowhere', /there is no data set ink\/nowhere/],
  ])('%s is refused in words', async (data, message) => {
    await expect(fetched('rouge', data)).rejects.toThrow(message);
  });
});

describe('namePlaces', () => {
  it('tells folders, places of tasks and the hub apart', () => {
    const tasks = ['arc_easy', 'arc_challenge', 'hellaswag', 'win_rate', 'held_out'];
    const data = [
      './benchmarks',
      'hub',
      'win_rate=a=b.json',
      'arc_easy=./arc',
      'hellaswag=hub:me/mine@v2',
      'held_out=hub:me/judged/data/test.jsonl@v1',
    ];
    expect(places(tasks, data)).toEqual({
      folders: ['./benchmarks'],
      ofTask: { win_rate: 'a=b.json', arc_easy: './arc' },
      hub: {
        arc_challenge: main,
        hellaswag: { id: 'me/mine', file: null, revision: 'v2' },
        held_out: { id: 'me/judged', file: 'data/test.jsonl', revision: 'v1' },
      },
    });
  });

  it('takes the last place of several', () => {
    expect(places(['arc_easy'], ['arc_easy=./arc', 'hub@dev'])).toMatchObject({
      hub: { arc_easy: { ...main, revision: 'dev' } },
    });
    expect(places(['rouge'], ['rouge=hub:a/b', 'rouge=./x.jsonl'])).toMatchObject({
      ofTask: { rouge: './x.jsonl' },
      hub: {},
    });
  });

  it('knows what win_rate is usually measured with', () => {
    expect(places(['win_rate'], ['win_rate=hub@abc'])).toMatchObject({
      hub: {
        win_rate: { id: 'tatsu-lab/alpaca_eval', file: 'alpaca_eval_gpt4_baseline.json', revision: 'abc' },
      },
    });
  });

  it.each([
    [['rouge'], ['./benchmarks'], 'the task rouge needs a file: option `data` rouge=FILE'],
    [['arc_easy'], ['rouge=x.jsonl'], 'rouge is not among the tasks arc_easy'],
    [['arc_easy'], ['arc_easy='], "nothing follows the task's name"],
    [['arc_easy'], ['hub:me/mine'], 'belongs to one task'],
    [['rouge'], ['rouge=hub'], 'rouge has no data set of its own on the hub'],
    [['held_out'], ['held_out=hub@v1'], 'held_out has no data set of its own on the hub'],
    [['gsm8k'], [], 'there is no task "gsm8k"'],
  ])('%j with %j is refused', (tasks, data, message) => {
    expect(() => places(tasks, data)).toThrow(message);
  });
});
