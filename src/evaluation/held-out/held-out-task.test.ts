import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Engine, Sequence } from '../../engine/engine.ts';
import { readSoundTriplets } from '../../judgments/index.ts';
import type { Triplet } from '../../judgments/index.ts';
import { loadTemplate, loadTokenizer } from '../../tokens/index.ts';
import { evaluateSubjects, evaluationFiles } from '../run/evaluate.ts';
import type { Subject } from '../subject/subject.ts';
import { heldOutTask } from './held-out-task.ts';
import type { HeldOutResult } from './held-out-task.ts';

const model = fileURLToPath(new URL('../../../models/world-64', import.meta.url));
let dir: string;
let triplets: readonly Triplet[];
beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), 'whetstone-held-out-'));
  const file = join(dir, 'rows.jsonl');
  const rows = [
    { instruction: 'Add 2 and 2.', output: 'It is 4.', judgment: null },
    { instruction: 'Add 2 and 2.', output: 'It is 5.', judgment: 'It is 4.', errors: [{ start: 6, end: 7 }] },
    { instruction: 'Name a colour.', output: 'Blue, I think.', judgment: 'Perfect.' },
  ];
  await writeFile(file, rows.map((row) => `${JSON.stringify(row)}\n`).join(''));
  ({ triplets } = await readSoundTriplets(file));
});
afterAll(() => rm(dir, { recursive: true, force: true }));

/** Tells -1 of every token, and of the one at `likely` half as much where the prompt is the longer one. */
async function subjectOf(likely: number): Promise<Subject & { readonly scored: Sequence[][] }> {
  const tokenizer = await loadTokenizer(model);
  const scored: Sequence[][] = [];
  const score = (sequences: readonly Sequence[]): Promise<Float32Array[]> => {
    scored.push([...sequences]);
    const shortest = Math.min(...sequences.map(({ responseStart }) => responseStart));
    return Promise.resolve(
      sequences.map(({ ids, responseStart }) =>
        Float32Array.from({ length: ids.length - responseStart }, (_, i) =>
          i === likely && responseStart > shortest + 5 ? -0.25 : -1,
        ),
      ),
    );
  };
  return {
    scored,
    logLikelihoods: () => Promise.reject(new Error('not asked for')),
    respond: () => Promise.reject(new Error('not asked for')),
    local: {
      engine: { score } as unknown as Engine,
      ...{ tokenizer, maxLength: 512, template: () => loadTemplate('alpaca', tokenizer) },
    },
    close: () => Promise.resolve(),
  };
}

/** As in an engine, what is scored together decides the last digits. */
function togetherSubject(subject: Subject): Subject {
  const { engine } = subject.local!;
  const score: Engine['score'] = async (sequences) => {
    const scores = await engine.score(sequences);
    const together = 1e-4 * sequences.reduce((sum, { ids }) => sum + ids.length, 0);
    return scores.map((each) => each.map((logProb) => logProb - together));
  };
  return { ...subject, local: { ...subject.local!, engine: { ...engine, score } } };
}

const taskOf = (given: readonly Triplet[]): ReturnType<typeof heldOutTask> =>
  heldOutTask({
    file: 'rows.jsonl',
    digest: 'd',
    triplets: given,
    template: 'alpaca',
    lambda: 1.5,
    limit: null,
  });

async function measure(subject: Subject, given: readonly Triplet[] = triplets): Promise<HeldOutResult[]> {
  const task = taskOf(given);
  const found = new Map<string, HeldOutResult>();
  await task.measure(
    subject,
    task.items.map(({ id }) => id),
    {
      signal: new AbortController().signal,
      onResult: (id, result) => void found.set(id, result as HeldOutResult),
    },
  );
  return task.items.map(({ id }) => found.get(id)!);
}

describe('heldOutTask', () => {
  it('scores each response after the plain prompt, and a bad one after its judgment too', async () => {
    const subject = await subjectOf(-1);
    const results = await measure(subject);
    expect(subject.scored.flat()).toHaveLength(4);
    expect(results.map(({ plain, tokens }) => plain + tokens)).toEqual([0, 0, 0]);
    expect(results.map(({ judged }) => judged === null)).toEqual([true, false, true]);
  });

  it('gives perplexities by label, and detection of the marked spans', async () => {
    const tokenizer = await loadTokenizer(model);
    const { offsets } = await tokenizer.encode('It is 5.', { addSpecialTokens: false });
    const wrong = offsets.findIndex(([start, end]) => start <= 6 && end > 6);
    const results = await measure(await subjectOf(wrong));
    const figures = new Map(
      taskOf(triplets)
        .figures(results)
        .map((figure) => [figure.metric, figure]),
    );
    const { tokens, judged } = results[1]!;
    expect(figures.get('perplexity_satisfactory')).toMatchObject({ scored: 2, value: Math.E });
    expect(figures.get('perplexity_unsatisfactory')).toMatchObject({ scored: 1, value: Math.E });
    expect(figures.get('perplexity_unsatisfactory_judged')!.value).toBeCloseTo(
      Math.exp((tokens - 0.75) / tokens),
      6,
    );
    expect(judged).toBeCloseTo(-(tokens - 0.75), 6);
    expect(figures.get('perplexity_per_response_satisfactory')!.scores).toEqual([Math.E, null, Math.E]);
    expect(figures.get('detection_precision')!.value).toBe(1);
    expect(figures.get('detection_span_recall')!.value).toBe(1);
    expect(figures.get('detection_flagged_share')!.value).toBeCloseTo(1 / tokens, 12);
  });

  it('has no detection where nothing is marked', async () => {
    const unmarked = triplets.map((triplet) => ({ ...triplet, errors: undefined }));
    const task = taskOf(unmarked);
    const figures = task.figures(await measure(await subjectOf(0), unmarked));
    expect(figures.some(({ metric }) => metric.startsWith('detection'))).toBe(false);
  });

  it('stopped midway it ends with the same bytes as a whole run', async () => {
    const many = Array.from({ length: 40 }, (_, i): Triplet => {
      const triplet = triplets[i % 3]!;
      return { ...triplet, output: `${triplet.output}${' Yes.'.repeat(i % 5)}` };
    });
    const subject = async (): Promise<Subject> => togetherSubject(await subjectOf(-1));
    const evaluate = async (
      out: string,
      open: () => Promise<Subject>,
      signal: AbortSignal,
    ): Promise<unknown> =>
      evaluateSubjects({
        out: join(dir, out),
        subjects: [{ name: 'model', fingerprint: 'f'.repeat(64), description: {}, open }],
        tasks: [taskOf(many)],
        signal,
      });
    const items = async (out: string): Promise<string> => {
      const folder = join(evaluationFiles(join(dir, out)).items, 'model-ffffffffffff');
      return readFile(join(folder, 'held_out.jsonl'), 'utf8');
    };
    await evaluate('whole', subject, new AbortController().signal);
    const whole = await items('whole');

    for (const left of [1, 9, 33]) {
      const lines = whole.split('\n').slice(0, left);
      const out = `cut-${left}`;
      const folder = join(dir, out, 'items', 'model-ffffffffffff');
      await mkdir(folder, { recursive: true });
      await writeFile(join(folder, 'held_out.jsonl'), `${lines.join('\n')}\n{"id":"`);
      const stop = new AbortController();
      // The first process goes on from the kill and is stopped, the second one ends it.
      const stopping = async (): Promise<Subject> => {
        const opened = await subject();
        const { engine } = opened.local!;
        const score: Engine['score'] = async (sequences) => {
          const scores = await engine.score(sequences);
          stop.abort();
          return scores;
        };
        return { ...opened, local: { ...opened.local!, engine: { ...engine, score } } };
      };
      if (left < 32)
        await expect(evaluate(out, stopping, stop.signal)).rejects.toMatchObject({ code: 'STOPPED' });
      await evaluate(out, subject, new AbortController().signal);
      expect(await items(out)).toBe(whole);
    }
  });

  it('refuses a model behind a server', async () => {
    const subject = { ...(await subjectOf(0)), local: null };
    await expect(measure(subject)).rejects.toMatchObject({ code: 'NO_LOCAL_MODEL' });
  });
});
