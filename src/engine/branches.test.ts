// Continuations of one context score as whole sequences do, whatever stands beside them.
import { afterAll, describe, expect, it } from 'vitest';
import { maxDifference, modelDir } from '../../test/golden/golden.ts';
import { createRandom } from '../random.ts';
import type { ContinuationGroup } from './engine.ts';
import type { OnnxEngine } from './onnx-engine.ts';
import { openEngine } from './onnx-engine.ts';

const engines: OnnxEngine[] = [];
afterAll(() => Promise.all(engines.map((engine) => engine.dispose())));
const open = async (model: string, adapterDir?: string): Promise<OnnxEngine> => {
  const options = { modelDir: modelDir(model), threads: 1, ...(adapterDir && { adapterDir }) };
  const engine = await openEngine(options);
  engines.push(engine);
  return engine;
};

/** Groups of many shapes: contexts from one token on, single tokens alone, many long ones. */
function groups(vocabSize: number): ContinuationGroup[] {
  const random = createRandom(4);
  const ids = (length: number): Int32Array => Int32Array.from({ length }, () => random.below(vocabSize));
  return [
    { context: ids(1), continuations: [ids(1)] },
    { context: ids(3), continuations: [ids(1), ids(1), ids(1), ids(1)] },
    { context: ids(2), continuations: [ids(4), ids(1), ids(9)] },
    { context: ids(60), continuations: [ids(5), ids(12), ids(1), ids(7)] },
    { context: ids(33), continuations: [ids(40), ids(40)] },
    { context: ids(17), continuations: Array.from({ length: 40 }, () => ids(30)) },
    { context: ids(5), continuations: [] },
  ];
}

const families = [
  'llama3',
  'mistral',
  'qwen3',
  'gemma',
  'mistral-fp16',
  'granite',
  'smollm3',
  'olmo2',
  'gemma2',
  'gemma3',
];

describe.each(families)('continuations with %s', (model) => {
  it.each(['base', 'adapter'])('score as sequences of their own, %s', async (kind) => {
    const engine = await open(model, kind === 'adapter' ? `${modelDir(model)}/adapter` : undefined);
    const all = groups(engine.describe().vocabSize);
    const heard: number[] = [];
    const found = await engine.scoreContinuations(all, (index, logProbs) => {
      heard.push(index);
      expect(logProbs).toHaveLength(all[index]!.continuations.length);
    });
    expect(heard).toEqual(all.map((_, i) => i));
    for (const [g, { context, continuations }] of all.entries()) {
      const expected = await engine.score(
        continuations.map((continuation) => ({
          ids: Int32Array.from([...context, ...continuation]),
          responseStart: context.length,
        })),
      );
      expect(found[g]!.map(({ length }) => length)).toEqual(continuations.map(({ length }) => length));
      expected.forEach((logProbs, i) => expect(maxDifference(found[g]![i]!, logProbs)).toBeLessThan(2e-5));
    }
  });
});

it('reads as many tokens as the model has positions, and predicts one more', async () => {
  const engine = await open('llama3');
  const { maxPositions } = engine.describe();
  const long = new Int32Array(maxPositions - 2).fill(7);
  const [[last]] = (await engine.scoreContinuations([
    { context: long, continuations: [Int32Array.of(1, 2, 3)] },
  ])) as [[Float32Array]];
  expect(last).toHaveLength(3);
  expect(last.every(Number.isFinite)).toBe(true);
  const refused = (context: Int32Array, ...continuation: number[]): Promise<unknown> =>
    engine.scoreContinuations([{ context, continuations: [Int32Array.from(continuation)] }]);
  await expect(refused(long, 1, 2, 3, 4)).rejects.toThrow(/longer than the model's/);
  await expect(refused(Int32Array.of(1))).rejects.toThrow(/a continuation without tokens/);
  await expect(refused(new Int32Array(0), 1)).rejects.toThrow(/a context without tokens/);
  await expect(refused(Int32Array.of(1), 100_000)).rejects.toThrow(/outside the model's vocabulary/);
});
