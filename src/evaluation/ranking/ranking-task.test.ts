// Where rows are looked for, the primer, the items and figures of a whole task.
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { parquetWriteBuffer } from 'hyparquet-writer';
import { afterAll, describe, expect, it } from 'vitest';
import { benchmarksNamed } from '../tasks.ts';
import type { RankingSettings } from './ranking-task.ts';
import { rankingItems, rankingTask } from './ranking-task.ts';
import { readPrimer } from './truthfulqa.ts';

const folder = mkdtempSync(join(tmpdir(), 'whetstone-ranking-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));
const write = (name: string, content: string | Uint8Array): string => {
  const path = join(folder, name);
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(path, content);
  return path;
};
const jsonl = (rows: readonly object[]): string => rows.map((row) => `${JSON.stringify(row)}\n`).join('');
const arcRow = (question: string) => ({
  question,
  choices: { text: ['yes', 'no'], label: ['A', 'B'] },
  answerKey: 'A',
});
const settings = (
  places: Partial<RankingSettings['data']>,
  more: Partial<RankingSettings> = {},
): RankingSettings => ({
  data: { folders: [], ofBenchmark: {}, ...places },
  shots: 0,
  limit: null,
  primer: null,
  ...more,
});
const questions = async (task: string, given: RankingSettings): Promise<string[]> =>
  (await rankingItems(benchmarksNamed([task])[0]!, given)).items.map(({ request }) => request.context);

describe('data', () => {
  it.each([
    ['arc_challenge/test.jsonl', 'a', 'by the task'],
    ['allenai/ai2_arc/ARC-Challenge/test.jsonl', 'b', 'by the repository'],
    ['ARC-Challenge/data/test.jsonl', 'c', 'by the configuration, in data/'],
  ])('is found at %s', async (name, question, place) => {
    const root = `${place.replaceAll(' ', '-')}`;
    write(`${root}/${name}`, jsonl([arcRow(question)]));
    expect(await questions('arc_challenge', settings({ folders: [join(folder, root)] }))).toEqual([
      `Question: ${question}\nAnswer:`,
    ]);
    // The other half of the repository is not taken for it.
    await expect(questions('arc_easy', settings({ folders: [join(folder, root)] }))).rejects.toMatchObject({
      code: 'NO_BENCHMARK_DATA',
    });
  });

  it('may be Parquet in several files, which are read in order', async () => {
    for (const [i, question] of ['first', 'second'].entries()) {
      const bytes = parquetWriteBuffer({
        columnData: [
          { name: 'question', data: [question], type: 'STRING' },
          { name: 'choices', data: [['a', 'b', 'c', 'd']], type: 'JSON' },
          { name: 'answer', data: [2n], type: 'INT64' },
        ],
      });
      write(`shards/virology/test-0000${i}-of-00002.parquet`, new Uint8Array(bytes));
    }
    const given = settings({ ofBenchmark: { mmlu_virology: join(folder, 'shards') } });
    const found = await questions('mmlu_virology', given);
    expect(found.map((text) => /\n\n(\w+)\nA\. a\n/.exec(text)?.[1])).toEqual(['first', 'second']);
  });

  it('may be one file where no examples are needed', async () => {
    const file = write('one.jsonl', jsonl([arcRow('q')]));
    const given = settings({ ofBenchmark: { arc_easy: file } });
    expect(await questions('arc_easy', given)).toHaveLength(1);
    await expect(questions('arc_easy', { ...given, shots: 1 })).rejects.toThrow('found no train.jsonl');
  });

  it('names the row that is no object', async () => {
    const file = write('bad.jsonl', `${JSON.stringify(arcRow('q'))}\n7\n`);
    await expect(questions('arc_easy', settings({ ofBenchmark: { arc_easy: file } }))).rejects.toMatchObject({
      code: 'BENCHMARK_ROW',
      place: { file, row: 2 },
    });
  });
});

describe('the primer', () => {
  const row = { question: 'Q?', mc1_targets: { choices: ['a'], labels: [1] } };
  it('is asked for, and found beside the data', async () => {
    write('truth/truthful_qa/multiple_choice/validation.jsonl', jsonl([row]));
    const given = settings({ folders: [join(folder, 'truth')] });
    await expect(questions('truthfulqa_mc1', given)).rejects.toMatchObject({ code: 'NO_PRIMER' });
    write('truth/truthful_qa/primer.txt', 'Q: One?\r\nA: Two.\n\n');
    expect(await questions('truthfulqa_mc1', given)).toEqual(['Q: One?\nA: Two.\n\nQ: Q?\nA:']);
    // The number of examples is fixed.
    expect(await questions('truthfulqa_mc1', { ...given, shots: 5 })).toHaveLength(1);
  });

  it('is read out of a task file', async () => {
    const template = `"\\\n  {% set shown = 'Q: It''s?\\nA: So.' %}\\\n  {{shown + '\\n\\nQ: ' + question + '\\nA:'}}"`;
    const file = write(
      'task.yaml',
      `doc_to_text: ${template.replace("''", '’')}\nutils: !function utils.x\n`,
    );
    expect(await readPrimer(file)).toBe('Q: It’s?\nA: So.');
    await expect(readPrimer(write('other.yaml', 'doc_to_text: "{{question}}"\n'))).rejects.toMatchObject({
      code: 'BAD_PRIMER',
      place: { field: 'doc_to_text' },
    });
    await expect(readPrimer(write('empty.txt', '\n'))).rejects.toMatchObject({ code: 'BAD_PRIMER' });
    await expect(readPrimer(join(folder, 'missing.txt'))).rejects.toMatchObject({ code: 'BAD_PRIMER' });
  });
});

describe('rankingTask', () => {
  const rows = ['a', 'b', 'c', 'd', 'e'].map(arcRow);
  write('task/arc_easy/test.jsonl', jsonl(rows));
  write('task/arc_easy/train.jsonl', jsonl(['x', 'y', 'z'].map(arcRow)));
  const given = settings({ folders: [join(folder, 'task')] }, { shots: 2 });
  const [arcEasy] = benchmarksNamed(['arc_easy']);

  it('asks the same of the first documents, however many there are', async () => {
    const all = await rankingTask(arcEasy!, given);
    const some = await rankingTask(arcEasy!, { ...given, limit: 2 });
    expect(some.items).toEqual(all.items.slice(0, 2));
    const other = await rankingTask(arcEasy!, { ...given, shots: 1 });
    expect(other.items.map(({ key }) => key)).not.toContain(all.items[0]!.key);
  });

  it('keeps log-likelihoods and says how many prompts were cut', async () => {
    const task = await rankingTask(arcEasy!, given);
    const results = task.items.map((_, i) => ({ log_likelihoods: i < 2 ? [-1, -2] : [-3, -2] }));
    expect(task.figures(results).map(({ name, metric, value }) => [name, metric, value])).toEqual([
      ['arc_easy', 'acc', 0.4],
      // "yes" has three letters and "no" two: -1 and -1.
      ['arc_easy', 'acc_norm', 1],
    ]);
    expect(task.remarks!(results)).toEqual([]);
    expect(task.remarks!([{ ...results[0], truncated: 3 }, ...results.slice(1)])[0]).toContain(
      '1 of 5 prompts',
    );
    expect(task.isResult({ log_likelihoods: [] }) && !task.isResult({ other: 1 })).toBe(true);
  });

  it('has figures for groups and subjects of MMLU', async () => {
    const row = (answer: number) => ({ question: 'q', choices: ['a', 'b', 'c', 'd'], answer });
    for (const { config } of benchmarksNamed(['mmlu_humanities'])[0]!.parts)
      write(
        `humanities/mmlu/${config!}/test.jsonl`,
        jsonl(config === 'philosophy' ? [row(0), row(1)] : [row(0)]),
      );
    const task = await rankingTask(
      benchmarksNamed(['mmlu_humanities'])[0]!,
      settings({ folders: [join(folder, 'humanities')] }),
    );
    expect(task.items.map(({ id }) => id)).toContain('philosophy/1');
    const figures = task.figures(task.items.map(() => ({ log_likelihoods: [-1, -2, -3, -4] })));
    expect(figures[0]).toMatchObject({ name: 'mmlu_humanities', value: 13 / 14, total: 14 });
    expect(figures.find(({ name }) => name === 'mmlu_philosophy')).toMatchObject({
      value: 0.5,
      detail: true,
    });
    // By documents every answer but one is right; by subjects one of thirteen counts half.
    const even = figures.find(({ metric }) => metric === 'acc_by_subject')!;
    expect(even.value).toBeCloseTo(12.5 / 13, 12);
    const scores = even.scores as readonly number[];
    expect(scores.reduce((sum, score) => sum + score, 0) / scores.length).toBeCloseTo(even.value, 12);
    expect(figures).toHaveLength(15);
  });
});
