// Grading with a stand-in engine: each response by its own task, the settings passed on.
import { expect, it } from 'vitest';
import type { Sampling } from '../engine/engine.ts';
import type { Speaker } from '../generation/speaker.ts';
import { stringTemplate } from '../tokens/template.ts';
import type { Tokenizer } from '../tokens/tokenizer.ts';
import { successRate } from './success-rate.ts';

const codes = (text: string): Int32Array => Int32Array.from(text, (c) => c.codePointAt(0)!);
const text = (ids: Iterable<number>): string => String.fromCodePoint(...ids);

/** Answers with the last word of the prompt; 0 ends it. */
function echo(): { speaker: Speaker; calls: { prompt: string; sampling: Sampling }[] } {
  const calls: { prompt: string; sampling: Sampling }[] = [];
  const tokenizer = {
    encode: (value: string) =>
      Promise.resolve({
        ids: codes(value),
        offsets: Array.from(value, (_, i) => [i, i + 1] as const),
        leading: 0,
        trailing: 0,
      }),
    decode: (ids: Iterable<number>) => Promise.resolve(text([...ids].filter((id) => id !== 0))),
    eosTokenId: 0,
    stopTokenIds: [0],
    bosTokenId: null,
  } as unknown as Tokenizer;
  const template = stringTemplate('test', {
    plain: '{instruction}',
    with_judgment: '[{judgment}] {instruction}',
  });
  return {
    calls,
    speaker: {
      tokenizer,
      template,
      engine: {
        generate: async (requests) =>
          Promise.all(
            requests.map(async ({ prompt, sampling, onToken }) => {
              calls.push({ prompt: text(prompt), sampling });
              const ids = codes(`${text(prompt).split(' ').at(-1)!}\0`);
              for (const id of ids) await onToken?.({ id, logProb: -1, top: [] });
              return { ids, finish: 'end' as const };
            }),
          ),
      },
    },
  };
}

it('grades each answer with its own task, greedily unless told', async () => {
  const { speaker, calls } = echo();
  const tasks = [
    { instruction: 'say a', wanted: 'a' },
    { instruction: 'say b', wanted: 'c' },
    { instruction: 'say d', wanted: 'd' },
  ];
  const { rate, outcomes } = await successRate(
    speaker,
    tasks,
    ({ wanted }, found) => ({ satisfactory: found === wanted, wanted }),
    { judgment: 'Perfect.' },
  );
  expect(rate).toBeCloseTo(2 / 3);
  expect(outcomes.map(({ verdict }) => verdict)).toEqual([
    { satisfactory: true, wanted: 'a' },
    { satisfactory: false, wanted: 'c' },
    { satisfactory: true, wanted: 'd' },
  ]);
  expect(calls[0]!.prompt).toBe('[Perfect.] say a');
  expect(calls[0]!.sampling.temperature).toBe(0);
});

it('has no rate to speak of without tasks', async () => {
  expect(await successRate(echo().speaker, [], () => ({ satisfactory: true }))).toEqual({
    rate: 0,
    outcomes: [],
  });
});
