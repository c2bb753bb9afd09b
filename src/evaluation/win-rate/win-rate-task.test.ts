import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { Comparer, Comparison, PairRequest } from '../../judges/comparer.ts';
import { readReferences } from '../references.ts';
import type { Subject } from '../subject/subject.ts';
import { isSwitched } from './order.ts';
import { rememberComparisons } from './remembered.ts';
import type { WinRateResult, WinRateSettings } from './win-rate-task.ts';
import { winRateTask } from './win-rate-task.ts';

let dir: string;
beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), 'whetstone-win-rate-'));
});
afterEach(() => rm(dir, { recursive: true, force: true }));

interface Scripted extends Comparer {
  readonly asked: PairRequest[];
}

function scripted(say: (pair: PairRequest) => number | string, ordered = true): Scripted {
  const asked: PairRequest[] = [];
  return {
    ...{ name: 'script', fingerprint: 'script', ordered, asked },
    compare: async (pairs, { onComparison }) => {
      for (const pair of pairs) {
        asked.push(pair);
        const said = say(pair);
        const comparison: Comparison =
          typeof said === 'number' ? { id: pair.id, preference: said } : { id: pair.id, unscored: said };
        await onComparison(comparison);
      }
    },
    usage: () => ({ calls: asked.length, cached: 0, inputTokens: 0, outputTokens: 0, cost: null }),
    close: () => Promise.resolve(),
  };
}

const subject: Subject = {
  logLikelihoods: () => Promise.reject(new Error('not asked for')),
  respond: (prompts) =>
    Promise.resolve(
      prompts.map(({ instruction }) => ({
        text: `long answer to ${instruction}`,
        finished: true,
        tokens: 3,
      })),
    ),
  local: null,
  close: () => Promise.resolve(),
};

const letters = ['a', 'b', 'c', 'd', 'e', 'f'];

async function settingsOf(
  comparer: Comparer,
  given: Partial<WinRateSettings> = {},
): Promise<WinRateSettings> {
  const file = join(dir, 'references.json');
  const rows = letters.map((letter) => ({
    instruction: letter,
    output: letter === 'f' ? 'long answer to f' : `short ${letter}`,
    generator: 'short',
    dataset: 'letters',
  }));
  await writeFile(file, JSON.stringify(rows));
  return {
    references: await readReferences(file),
    ...{ comparer, bothOrders: false, template: 'alpaca', limit: null, lengthTable: null },
    generation: { maxNewTokens: 16, temperature: 0, topP: 1, seed: 0 },
    ...given,
  };
}

async function measure(settings: WinRateSettings, pending?: readonly string[]): Promise<WinRateResult[]> {
  const task = winRateTask(settings);
  const found = new Map<string, WinRateResult>();
  const ids = pending ?? task.items.map(({ id }) => id);
  await task.measure(subject, ids, {
    signal: new AbortController().signal,
    onResult: (id, result) => void found.set(id, result as WinRateResult),
  });
  return ids.map((id) => found.get(id)!);
}

const prefersLong = ({ output_1, output_2 }: PairRequest): number =>
  output_1.length > output_2.length ? 1 : 2;

describe('winRateTask', () => {
  it('shows each pair in the order that its instruction draws, and equal outputs to nobody', async () => {
    const comparer = scripted(prefersLong);
    const results = await measure(await settingsOf(comparer));
    expect(results.map(({ preference }) => preference)).toEqual([2, 2, 2, 2, 2, 1.5]);
    expect(results[5]!.orders).toEqual([]);
    expect(comparer.asked).toHaveLength(5);
    for (const { instruction, output_1 } of comparer.asked)
      expect(output_1.startsWith('long')).toBe(isSwitched(instruction));
    expect(new Set(letters.slice(0, 5).map(isSwitched)).size).toBe(2);
  });

  it('shows pairs in both orders, and counts those whose winner changes', async () => {
    const comparer = scripted(({ instruction, ...pair }) =>
      instruction === 'a' ? 1 : instruction === 'b' ? 1.5 : prefersLong({ instruction, ...pair }),
    );
    const settings = await settingsOf(comparer, { bothOrders: true });
    const results = await measure(settings);
    expect(comparer.asked).toHaveLength(10);
    expect(results.map(({ preference }) => preference)).toEqual([1.5, 1.5, 2, 2, 2, 1.5]);
    const figures = winRateTask(settings).figures(results);
    expect(figures.find(({ metric }) => metric === 'flips')).toMatchObject({
      value: 0.2,
      scored: 5,
      total: 6,
    });
    expect(figures[0]).toMatchObject({ metric: 'win_rate', value: 0.75, scored: 6 });
  });

  it('leaves a pair unscored where either order is, and would ask again', async () => {
    const settings = await settingsOf(
      scripted((pair) =>
        pair.instruction === 'a' && pair.output_1.startsWith('short') ? 'mumbling' : prefersLong(pair),
      ),
      { bothOrders: true },
    );
    const results = await measure(settings);
    expect(results[0]).toMatchObject({
      preference: null,
      orders: [
        { switched: false, unscored: 'mumbling' },
        { switched: true, preference: 2 },
      ],
    });
    const task = winRateTask(settings);
    expect(results.map((result) => task.isResult(result))).toEqual([false, true, true, true, true, true]);
    expect(task.figures(results)[0]).toMatchObject({ scored: 5, total: 6 });
  });

  it('has a length-controlled figure that long answers do not earn', async () => {
    const settings = await settingsOf(
      scripted(({ instruction, ...pair }) =>
        instruction === 'e' ? 1.5 : prefersLong({ instruction, ...pair }),
      ),
    );
    const task = winRateTask(settings);
    const [raw, controlled] = task.figures(await measure(settings));
    expect(controlled!.metric).toBe('length_controlled_winrate');
    expect(controlled!.value).toBeLessThan(raw!.value);
  });

  it('keeps comparisons over sessions, so that nothing is asked twice', async () => {
    const path = join(dir, 'comparisons.jsonl');
    let failing = true;
    const inner = scripted((pair) => {
      if (failing && pair.instruction === 'd') throw new Error('gone');
      return prefersLong(pair);
    });
    const first = await rememberComparisons(inner, path);
    await expect(measure(await settingsOf(first, { bothOrders: true }))).rejects.toThrow('gone');
    await first.close();
    failing = false;
    const before = inner.asked.length;
    const second = await rememberComparisons(inner, path);
    const results = await measure(await settingsOf(second, { bothOrders: true }));
    await second.close();
    expect(results.map(({ preference }) => preference)).toEqual([2, 2, 2, 2, 2, 1.5]);
    // The one that failed was asked about before.
    expect([before, inner.asked.length]).toEqual([7, 11]);
  });

  it('writes the files that AlpacaEval reads', async () => {
    const settings = await settingsOf(scripted(prefersLong), { limit: 2 });
    const folder = join(dir, 'outputs', 'ours');
    await winRateTask(settings).write!(folder, 'ours', await measure(settings));
    const read = async (name: string): Promise<unknown> =>
      JSON.parse(await readFile(join(folder, name), 'utf8'));
    expect(await read('model_outputs.json')).toEqual([
      { instruction: 'a', dataset: 'letters', output: 'long answer to a', generator: 'ours' },
      { instruction: 'b', dataset: 'letters', output: 'long answer to b', generator: 'ours' },
    ]);
    expect((await read('reference_outputs.json')) as object[]).toContainEqual({
      ...{ instruction: 'a', dataset: 'letters', output: 'short a', generator: 'short' },
    });
    expect((await read('annotations.json')) as object[]).toContainEqual({
      ...{ instruction: 'b', output_1: 'short b', generator_1: 'short', dataset: 'letters' },
      ...{ output_2: 'long answer to b', generator_2: 'ours', annotator: 'script', preference: 2 },
    });
  });
});

describe('readReferences', () => {
  it('names file, row and field', async () => {
    const file = join(dir, 'bad.jsonl');
    await writeFile(file, '{"instruction":"a","reference":"b"}\n{"instruction":"a","refrence":"b"}\n');
    await expect(readReferences(file)).rejects.toMatchObject({
      ...{ code: 'INVALID_ROWS', place: { file, row: 2, field: 'reference' } },
    });
  });
});
