// Ranking benchmarks against lm-evaluation-harness itself: prompts, token ids, log-likelihoods and figures that
// generate.py had it compute with two tiny models over the rows in data/.
import { createHash } from 'node:crypto';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { benchmarksNamed } from '../../../src/evaluation/tasks.ts';
import type { RankingSettings } from '../../../src/evaluation/ranking/ranking-task.ts';
import { rankingItems, rankingTask } from '../../../src/evaluation/ranking/ranking-task.ts';
import type { Figure } from '../../../src/evaluation/run/task.ts';
import { localSubject } from '../../../src/evaluation/subject/local-subject.ts';
import { requestTokens } from '../../../src/evaluation/subject/request-tokens.ts';
import type { Subject } from '../../../src/evaluation/subject/subject.ts';
import { loadTokenizer } from '../../../src/tokens/index.ts';

interface GoldenDocument {
  readonly context: string;
  readonly continuations: readonly string[];
  readonly context_ids: string;
  readonly context_length: number;
  readonly continuation_ids: readonly (readonly number[])[];
  readonly log_likelihoods: readonly number[];
}
interface GoldenRun {
  readonly model: string;
  readonly task: string;
  readonly shots: number;
  readonly metrics?: Readonly<Record<string, number>>;
  readonly documents?: readonly GoldenDocument[];
  readonly groups?: Readonly<Record<string, Readonly<Record<string, number>>>>;
}

const here = fileURLToPath(new URL('.', import.meta.url));
const golden = JSON.parse(readFileSync(join(here, 'golden.json'), 'utf8')) as {
  readonly prompts: Readonly<Record<string, string>>;
  readonly runs: readonly GoldenRun[];
};
const folder = mkdtempSync(join(tmpdir(), 'whetstone-lm-eval-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** As `mmlu_rows` in generate.py does it. */
beforeAll(() => {
  const rowsOf = (split: string): string[] =>
    readFileSync(join(here, `data/mmlu-rows/${split}.jsonl`), 'utf8')
      .trim()
      .split('\n');
  const [test, dev] = [rowsOf('test'), rowsOf('dev')];
  for (const { config } of benchmarksNamed(['mmlu'])[0]!.parts) {
    const n = config!.length;
    mkdirSync(join(folder, 'mmlu', config!), { recursive: true });
    const write = (split: string, rows: readonly string[], count: number): void =>
      writeFileSync(
        join(folder, 'mmlu', config!, `${split}.jsonl`),
        Array.from({ length: count }, (_, i) => `${rows[(n + i) % rows.length]!}\n`).join(''),
      );
    write('test', test, 2 + (n % 4));
    write('dev', dev, dev.length);
  }
});

const settingsOf = (shots: number): RankingSettings => ({
  data: { folders: [join(here, 'data'), folder], ofBenchmark: {} },
  shots,
  limit: null,
  primer: null,
});
/** Python's json.dumps of a text or a list of numbers. */
const digest = (value: string | readonly number[]): string => {
  const json =
    typeof value === 'string'
      ? JSON.stringify(value).replace(
          /[\u007f-\uffff]/g,
          (unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`,
        )
      : `[${value.join(', ')}]`;
  return createHash('sha256').update(json).digest('hex').slice(0, 16);
};

const metricNames: Readonly<Record<string, string>> = { mc1: 'acc', mc2: 'acc' };
function expectFigures(
  figures: readonly Figure[],
  name: string,
  expected: Readonly<Record<string, number>>,
): void {
  // The harness has groups by documents alone; by subjects it is the mean of its own figures of the subjects.
  const own = figures.filter((figure) => figure.name === name && figure.metric !== 'acc_by_subject');
  const found: Record<string, number> = {};
  for (const { metric, value, stderr } of own) {
    const called = metricNames[metric] ?? metric;
    found[called] = value;
    found[`${called}_stderr`] = stderr!;
  }
  expect(Object.keys(found).sort()).toEqual(Object.keys(expected).sort());
  // All but mc2 are counts.
  const digits = own[0]!.metric === 'mc2' ? 5 : 12;
  for (const [key, value] of Object.entries(expected))
    expect(found[key], `${name} ${key}`).toBeCloseTo(value, digits);
}

describe.each(['bytes', 'pieces'])('with the model %s', (model) => {
  let subject: Subject;
  beforeAll(async () => {
    const source = await localSubject({
      name: model,
      model: join(here, 'models', model),
      adapter: null,
      template: 'alpaca',
      maxLength: null,
      threads: 1,
    });
    subject = await source.open();
  });
  afterAll(() => subject.close());

  it.each(
    golden.runs
      .filter((run) => run.model === model)
      .map((run) => [`${run.task}, ${run.shots} shots`, run] as const),
  )('%s', async (_, { task, shots, metrics, documents, groups }) => {
    const [benchmark] = benchmarksNamed([task]);
    const measured = await rankingTask(benchmark!, settingsOf(shots));
    const results = new Map<string, object>();
    await measured.measure(
      subject,
      measured.items.map(({ id }) => id),
      { signal: new AbortController().signal, onResult: (id, result) => void results.set(id, result) },
    );
    const ordered = measured.items.map(
      ({ id }) => results.get(id) as { readonly log_likelihoods: readonly number[] },
    );
    const figures = measured.figures(ordered);
    for (const [name, expected] of Object.entries(groups ?? {})) expectFigures(figures, name, expected);
    if (metrics) expectFigures(figures, task, metrics);
    const even = figures.find(({ metric }) => metric === 'acc_by_subject');
    if (even) {
      const subjects = figures.filter(({ detail }) => detail).map(({ value }) => value);
      expect(even.value).toBeCloseTo(subjects.reduce((sum, value) => sum + value, 0) / subjects.length, 12);
    }
    if (!documents) return;

    const { items } = await rankingItems(benchmark!, settingsOf(shots));
    expect(items[0]!.request.context).toBe(golden.prompts[`${task}/${shots}`]);
    const tokenizer = await loadTokenizer(join(here, 'models', model));
    for (const [i, expected] of documents.entries()) {
      const { request } = items[i]!;
      expect({ context: digest(request.context), continuations: request.continuations }).toEqual({
        context: expected.context,
        continuations: expected.continuations,
      });
      const { context, continuations } = await requestTokens(tokenizer, request);
      expect({ ids: digest(context), length: context.length, continuations }).toEqual({
        ids: expected.context_ids,
        length: expected.context_length,
        continuations: expected.continuation_ids,
      });
      for (const [c, value] of expected.log_likelihoods.entries())
        expect(Math.abs(ordered[i]!.log_likelihoods[c]! - value)).toBeLessThan(1e-4);
    }
    expect(items).toHaveLength(documents.length);
  });

  it('cuts contexts that are too long, each for its own continuation', () => {
    const positions = subject.local!.maxLength;
    const cut = golden.runs
      .filter((run) => run.model === model)
      .flatMap(({ documents = [] }) => documents)
      .filter(
        ({ context_length, continuation_ids: [first] }) => context_length + first!.length > positions + 1,
      );
    expect(cut.length).toBeGreaterThan(5);
  });
});

it('the rows hold what the rules are about', () => {
  const texts = golden.runs.flatMap(({ documents = [] }) =>
    documents.flatMap(({ continuations }) => continuations),
  );
  expect(texts.some((text) => /^\s{2,}/.test(text))).toBe(true);
  const ties = golden.runs.flatMap(({ documents = [] }) =>
    documents.filter(({ continuations }) => new Set(continuations).size < continuations.length),
  );
  expect(ties.length).toBeGreaterThan(3);
});
