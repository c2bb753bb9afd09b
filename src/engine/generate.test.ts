// Generation's promises: one request, one result, whatever runs beside it; ends, streams, limits, aborts.
import { afterAll, describe, expect, it } from 'vitest';
import { modelDir } from '../../test/golden/golden.ts';
import { createRandom } from '../random.ts';
import type { GeneratedToken, GenerationRequest, Sampling } from './engine.ts';
import type { EngineOptions } from './model.ts';
import type { OnnxEngine } from './onnx-engine.ts';
import { openEngine } from './onnx-engine.ts';

const engines: OnnxEngine[] = [];
afterAll(() => Promise.all(engines.map((engine) => engine.dispose())));
const open = async (model: string, options: Partial<EngineOptions> = {}): Promise<OnnxEngine> => {
  const engine = await openEngine({ modelDir: modelDir(model), threads: 1, ...options });
  engines.push(engine);
  return engine;
};
const prompts = [[1, 5, 9], [1], [1, 7, 3, 30, 31, 32, 33, 34, 35, 36, 37, 38, 39], [1, 44]].map((ids) =>
  Int32Array.from(ids),
);
const sampled: Sampling = { maxNewTokens: 15, temperature: 0.9, topP: 0.95, seed: 5 };
const greedy: Sampling = { maxNewTokens: 15, temperature: 0 };
const idsOf = async (
  engine: OnnxEngine,
  given: readonly Int32Array[],
  sampling: Sampling = sampled,
): Promise<number[][]> =>
  (await engine.generate(given.map((prompt) => ({ prompt, sampling })))).map(({ ids }) => [...ids]);

/** Prompts of many lengths, some longer than a slot's first room. */
function manyPrompts(count: number, vocabulary: number): Int32Array[] {
  const random = createRandom(8);
  return Array.from({ length: count }, () =>
    Int32Array.from({ length: 1 + random.below(random.below(4) === 0 ? 150 : 20) }, () =>
      random.below(vocabulary),
    ),
  );
}

describe.each(['mistral', 'gemma'])('generation with %s', (model) => {
  it('repeats itself with a seed and differs with another', async () => {
    const engine = await open(model);
    const first = await idsOf(engine, prompts);
    expect(await idsOf(engine, prompts)).toEqual(first);
    expect(await idsOf(await open(model), prompts)).toEqual(first);
    expect(await idsOf(engine, prompts, { ...sampled, seed: 6 })).not.toEqual(first);
  });

  it('stops at the end token and at the limit', async () => {
    const engine = await open(model);
    const requests = prompts.map((prompt) => ({ prompt, sampling: sampled }));
    for (const { ids, finish } of await engine.generate(requests)) {
      const end = ids.indexOf(2);
      expect(finish).toBe(end >= 0 ? 'end' : 'length');
      expect(ids.length).toBe(end >= 0 ? end + 1 : 15);
    }
    const nothing = requests.map((request) => ({ ...request, sampling: { ...sampled, maxNewTokens: 0 } }));
    const none = await engine.generate(nothing);
    expect(none.map(({ ids, finish }) => [ids.length, finish])).toEqual(prompts.map(() => [0, 'length']));
    expect(await engine.generate([])).toEqual([]);
  });

  it('stops where the request says, and not where the configs do', async () => {
    const engine = await open(model);
    const prompt = prompts[2]!;
    const [free] = await engine.generate([{ prompt, sampling: sampled, endTokens: new Set() }]);
    expect(free!.finish).toBe('length');
    const last = free!.ids[4]!;
    const [ended] = await engine.generate([{ prompt, sampling: sampled, endTokens: new Set([last]) }]);
    expect(ended).toEqual({ ids: free!.ids.slice(0, free!.ids.indexOf(last) + 1), finish: 'end' });
  });

  it('shapes the logits by what the response has so far, and not by what runs beside it', async () => {
    const engine = await open(model);
    const prompt = prompts[2]!;
    const shaped: Sampling = { ...greedy, frequencyPenalty: 0.3, presencePenalty: 0.2 };
    const vocabulary = engine.describe().vocabSize;
    /** Token by token: the model's own log-probs, with the penalties taken from those of tokens that are there. */
    const made: number[] = [];
    for (let i = 0; i < greedy.maxNewTokens && made.at(-1) !== 2; i++) {
      const context = Int32Array.from([...prompt, ...made]);
      const [next] = await engine.generate([
        {
          prompt: context,
          sampling: { ...greedy, maxNewTokens: 1 },
          topLogProbs: vocabulary,
          onToken: ({ top }) => {
            const scored = top.map(({ id, logProb }) => {
              const count = made.filter((each) => each === id).length;
              return { id, score: logProb - 0.3 * count - (count > 0 ? 0.2 : 0) };
            });
            made.push(scored.sort((a, b) => b.score - a.score)[0]!.id);
          },
        },
      ]);
      expect(next!.ids).toHaveLength(1);
    }
    const requests = [greedy, shaped, sampled, shaped].map((sampling) => ({ prompt, sampling }));
    const found = await engine.generate(requests);
    expect([...found[1]!.ids]).toEqual(made);
    expect(found[3]).toEqual(found[1]);
    expect([...found[0]!.ids]).toEqual((await idsOf(engine, [prompt], greedy))[0]);
    // Log-probs stay the model's own.
    const heard: number[] = [];
    const own: number[] = [];
    const asking = (sampling: Sampling, to: number[]): GenerationRequest => ({
      ...{ prompt, sampling: { ...sampling, maxNewTokens: 1 }, topLogProbs: 1 },
      onToken: ({ top }) => void to.push(top[0]!.logProb),
    });
    const bias = new Map([[made[0]!, -100]]);
    await engine.generate([asking(greedy, own), asking({ ...greedy, logitBias: bias }, heard)]);
    expect(heard).toEqual(own);
    const [biased] = await idsOf(engine, [prompt], { ...greedy, logitBias: bias });
    expect(biased).not.toContain(made[0]);
  });

  it('ends after so many tokens at the earliest', async () => {
    const engine = await open(model);
    const prompt = prompts[2]!;
    const [free] = await idsOf(engine, [prompt], greedy);
    const endTokens = new Set(free!.slice(0, 3));
    const [first] = await engine.generate([{ prompt, sampling: greedy, endTokens }]);
    expect(first!.ids).toHaveLength(1);
    for (const minTokens of [1, 4, 15, 99]) {
      const [late] = await engine.generate([{ prompt, sampling: { ...greedy, minTokens }, endTokens }]);
      const least = Math.min(minTokens, greedy.maxNewTokens);
      expect(late!.ids.length).toBeGreaterThanOrEqual(least);
      expect([...late!.ids.slice(0, least)].filter((id) => endTokens.has(id))).toEqual([]);
    }
  });

  it('chooses what scoring finds most likely, and tells its log-prob', async () => {
    const engine = await open(model);
    const prompt = prompts[2]!;
    const heard: GeneratedToken[] = [];
    const [made] = await engine.generate([
      {
        prompt,
        sampling: { maxNewTokens: 6, temperature: 0 },
        topLogProbs: 4,
        onToken: (token) => void heard.push(token),
      },
    ]);
    expect(heard.map(({ id }) => id)).toEqual([...made!.ids]);
    const base = [...prompt];
    for (const { id, logProb, top } of heard) {
      const rivals = Array.from({ length: engine.describe().vocabSize }, (_, rival) => ({
        ids: Int32Array.from([...base, rival]),
        responseStart: base.length,
      }));
      const scores = (await engine.score(rivals)).map(([score]) => score!);
      expect(scores[id]).toBeGreaterThan(Math.max(...scores) - 1e-4);
      expect(logProb).toBeCloseTo(scores[id]!, 4);
      expect(top[0]).toEqual({ id, logProb });
      const best = [...scores].sort((a, b) => b - a).slice(0, 4);
      top.forEach((token, i) => expect(token.logProb).toBeCloseTo(best[i]!, 4));
      base.push(id);
    }
  });
});

// The narrow arrangement reads prompts side by side; `slots` smaller than the batch makes rows wait and be replaced.
describe.each([
  ['mistral', 3],
  ['mistral', 64],
  ['gemma', 5],
  ['qwen3', 4],
  ['llama3', 2],
] as const)('continuous batching with %s in %i slots', (model, slots) => {
  it.each([
    ['greedy', { maxNewTokens: 40, temperature: 0 }],
    ['sampled', { maxNewTokens: 40, temperature: 1, topK: 20 }],
    ['penalized', { maxNewTokens: 40, temperature: 0, repetitionPenalty: 1.3 }],
  ] as [string, Sampling][])(
    '%s: a request alone gets bit for bit what it gets beside others',
    async (_, base) => {
      const engine = await open(model, { slots });
      const log = [new Map<number, number[]>(), new Map<number, number[]>()];
      const requests = (run: number): GenerationRequest[] =>
        manyPrompts(12, engine.describe().vocabSize).map((prompt, i) => ({
          prompt,
          sampling: { ...base, seed: i, maxNewTokens: 3 + ((i * 7) % 37) },
          topLogProbs: 0,
          onToken: ({ logProb }) => {
            log[run]!.set(i, [...(log[run]!.get(i) ?? []), logProb]);
          },
        }));
      const together = await engine.generate(requests(0));
      const alone = [];
      for (const request of requests(1)) alone.push(...(await engine.generate([request])));
      expect(alone).toEqual(together);
      expect(log[1]).toEqual(log[0]);
    },
  );
});

describe('requests', () => {
  const ended = { maxNewTokens: 30, temperature: 0 };

  it('joins overlapping calls in one batch, in any order', async () => {
    const engine = await open('mistral', { slots: 4 });
    const apart = await idsOf(engine, prompts, greedy);
    const calls = prompts.map((prompt) => engine.generate([{ prompt, sampling: greedy }]));
    expect((await Promise.all(calls)).map(([made]) => [...made!.ids])).toEqual(apart);
    // A call made from within another one's callback joins it.
    let inner: Promise<number[][]> | undefined;
    await engine.generate([
      {
        prompt: prompts[0]!,
        sampling: greedy,
        onToken: () => void (inner ??= idsOf(engine, [prompts[2]!], greedy)),
      },
    ]);
    expect(await inner).toEqual([apart[2]]);
  });

  it('hears each token in order and ends where it is told to', async () => {
    const engine = await open('mistral');
    const heard: number[] = [];
    const [whole] = await idsOf(engine, [prompts[0]!], ended);
    const [made] = await engine.generate([
      {
        prompt: prompts[0]!,
        sampling: ended,
        onToken: async ({ id }) => {
          await new Promise((resolve) => setTimeout(resolve, 1));
          heard.push(id);
          return heard.length === 5;
        },
      },
    ]);
    expect(made).toEqual({ ids: Int32Array.from(whole!.slice(0, 5)), finish: 'stopped' });
    expect(heard).toEqual(whole!.slice(0, 5));
  });

  it('gives up one request that is aborted or whose listener fails, and no other', async () => {
    const engine = await open('mistral', { slots: 2 });
    const [, , expected] = await idsOf(engine, prompts, ended);
    const abort = new AbortController();
    const before = new AbortController();
    before.abort();
    let heard = 0;
    const [aborted, never, failed, fine] = await Promise.allSettled([
      engine.generate([
        {
          prompt: prompts[0]!,
          sampling: ended,
          signal: abort.signal,
          onToken: () => void (++heard === 3 && abort.abort()),
        },
      ]),
      engine.generate([{ prompt: prompts[0]!, sampling: ended, signal: before.signal }]),
      engine.generate([
        {
          prompt: prompts[1]!,
          sampling: ended,
          onToken: () => Promise.reject(new Error('the listener fails')),
        },
      ]),
      engine.generate([{ prompt: prompts[2]!, sampling: ended }]),
    ]);
    expect(aborted).toMatchObject({ value: [{ finish: 'aborted' }] });
    expect(heard).toBe(3);
    expect(never).toMatchObject({ value: [{ finish: 'aborted', ids: new Int32Array(0) }] });
    expect(failed).toMatchObject({ reason: { message: 'the listener fails' } });
    expect(fine).toMatchObject({ value: [{ ids: Int32Array.from(expected!) }] });
  });

  it('ends at the last of the positions that the model has', async () => {
    const engine = await open('mistral');
    const { maxPositions } = engine.describe();
    const long = new Int32Array(maxPositions - 3).fill(5);
    const [made, full] = await engine.generate([
      { prompt: long, sampling: { ...ended, topK: 1, temperature: 1 } },
      { prompt: new Int32Array(maxPositions).fill(5), sampling: ended },
    ]);
    expect(made!.ids.length).toBeLessThanOrEqual(3);
    expect(full).toEqual({ ids: new Int32Array(0), finish: 'length' });
  });

  it('does not let a joining call overtake a step', async () => {
    const engine = await open('mistral', {
      lora: { rank: 2, alpha: 2, dropout: 0, rankStabilized: false, targetModules: ['down_proj'] },
    });
    const state = engine.trainingState();
    const first = engine.generate([{ prompt: prompts[0]!, sampling: greedy }]);
    const failing = engine.step(
      [],
      { name: 'none', weigh: () => [] },
      {
        learningRate: 1,
        beta1: 0.9,
        beta2: 0.9,
        epsilon: 1e-8,
        weightDecay: 0,
        maxGradNorm: 1,
      },
    );
    const order: string[] = [];
    const second = engine.generate([
      { prompt: prompts[0]!, sampling: greedy, onToken: () => void order.push('second') },
    ]);
    void failing.catch(() => order.push('step'));
    await Promise.allSettled([first, failing, second]);
    expect(order[0]).toBe('step');
    expect(engine.trainingState()).toEqual(state);
  });

  it('refuses what comes after the engine is gone', async () => {
    const engine = await openEngine({ modelDir: modelDir('mistral'), threads: 1 });
    const last = engine.generate([{ prompt: prompts[0]!, sampling: greedy }]);
    await engine.dispose();
    expect(await last).toHaveLength(1);
    await expect(engine.generate([{ prompt: prompts[0]!, sampling: greedy }])).rejects.toMatchObject({
      code: 'ENGINE_DISPOSED',
    });
  });
});
