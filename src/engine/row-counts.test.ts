// Fewer rows are run where their bits are those of all slots, and nowhere else.
import { expect, it } from 'vitest';
import { modelDir } from '../../test/golden/golden.ts';
import type { GenerationRequest } from './engine.ts';
import { openGenerator } from './generate.ts';
import { readModel } from './model.ts';
import { evenRows, findRows } from './row-counts.ts';
import type { RowCounts } from './row-counts.ts';

/** Rows that a step gets, what was run for it, and which results were let go. */
async function find(
  needed: number,
  {
    odd = 0,
    known = new Map() as RowCounts,
    room = 64,
    most = 8,
  }: { odd?: number; known?: RowCounts; room?: number; most?: number },
): Promise<{ rows: number; ran: number[]; held: number }> {
  const ran: number[] = [];
  let held = 0;
  const rows = await findRows(known, { needed, most, cache: { room } }, (count) => {
    ran.push(count);
    held++;
    // Two values a row; those of `odd` rows have another last bit.
    const values = Float32Array.from({ length: 2 * count }, (_, i) => i + 1);
    if (count === odd) values[1] = 2 + 2 ** -22;
    return Promise.resolve({ values: [values], dispose: () => void held-- });
  });
  return { rows, ran, held };
}

it('takes the fewest that are enough and give the same bits', async () => {
  expect(await find(1, {})).toEqual({ rows: 2, ran: [2, 8], held: 0 });
  expect(await find(3, {})).toEqual({ rows: 4, ran: [4, 8], held: 0 });
  expect(await find(5, {})).toEqual({ rows: 8, ran: [], held: 0 });
  expect(await find(1, { odd: 2 })).toEqual({ rows: 4, ran: [2, 8, 4, 8], held: 0 });
  expect(await find(1, { odd: 8 })).toEqual({ rows: 8, ran: [2, 8, 4, 8], held: 0 });
  expect(await find(1, { most: 2 })).toEqual({ rows: 2, ran: [], held: 0 });
  expect([1, 2, 7, 8].map(evenRows)).toEqual([2, 2, 8, 8]);
});

it('looks once for each room of the cache', async () => {
  const known: RowCounts = new Map();
  expect((await find(2, { known, odd: 2 })).ran).toEqual([2, 8, 4, 8]);
  expect(await find(2, { known })).toEqual({ rows: 4, ran: [], held: 0 });
  expect(await find(2, { known, room: 128 })).toEqual({ rows: 2, ran: [2, 8], held: 0 });
});

it.each([
  ['with an adapter', { adapterDir: `${modelDir('llama3')}/adapter` }],
  ['with mapped weights, in two threads', { prepack: false, threads: 2 }],
])('a request gets the same bits beside others that come and go, %s', async (_, options) => {
  const model = await readModel({ modelDir: modelDir('llama3'), threads: 1, ...options });
  const rowCounts: RowCounts = new Map();
  const generator = await openGenerator(model, { slots: 8, endTokens: new Set(), rowCounts });
  const lengths = [30, 4, 9, 70, 12, 3, 1];
  /** Log-probs of the tokens of each request. */
  const run = async (chosen: readonly number[]): Promise<number[][]> => {
    const log: number[][] = chosen.map(() => []);
    const queue = chosen.map((i, at) => ({
      request: {
        prompt: Int32Array.from({ length: 1 + 5 * i }, (_, k) => 3 + ((7 * i + k) % 40)),
        sampling: { maxNewTokens: lengths[i]!, temperature: 0 },
        topLogProbs: 0,
        onToken: ({ logProb }) => void log[at]!.push(logProb),
      } satisfies GenerationRequest,
      resolve: () => undefined,
      reject: (error: unknown) => {
        throw error;
      },
    }));
    await generator.work(queue);
    return log;
  };
  const together = await run(lengths.map((_, i) => i));
  expect(together.map(({ length }) => length)).toEqual(lengths);
  for (const i of lengths.keys()) expect(await run([i])).toEqual([together[i]]);
  // Steps of one sequence were not steps of eight.
  expect([...rowCounts].filter(([key, same]) => key.startsWith('2 of 8') && same)).not.toEqual([]);
  await generator.release();
});
