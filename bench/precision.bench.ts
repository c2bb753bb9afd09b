// What few bits and int8 arithmetic change, against float32 in the same process: log-probs, and the gradient of an adapter as
// a whole and matrix by matrix.
//   node scripts/run-ts.mjs bench/precision.bench.ts --model DIR [--tokens 150]
//     [--only int8,int4,int8/int8,int4/int8,float16] [--device cpu]
// A/B is --base_dtype A with --base_compute B. Tokens are drawn at random; two rows, one with a judgment, of which the adapter
// has learned for three steps, so that none of its matrices is zero. Prints a table.
import { parseArgs } from 'node:util';
import { defaultAdamW, defaultLora } from '../src/engine/index.ts';
import type { Device } from '../src/engine/index.ts';
import { openEngine } from '../src/engine/onnx-engine.ts';
import type { Sequence, TokenExample, TrainingState } from '../src/engine/engine.ts';
import { cut } from '../src/objectives/index.ts';
import { createRandom } from '../src/random.ts';
import { optionsOf } from './precisions.ts';

const { values: args } = parseArgs({
  options: {
    model: { type: 'string' },
    tokens: { type: 'string', default: '150' },
    only: { type: 'string', default: 'int8,int4,int8/int8,int4/int8' },
    device: { type: 'string', default: 'cpu' },
  },
});
if (!args.model) throw new Error('--model is needed');
const [modelDir, tokens] = [args.model, Number(args.tokens)];
const targetModules = ['q_proj', 'v_proj', 'o_proj', 'gate_proj', 'up_proj', 'down_proj'];
const lora = { ...defaultLora, dropout: 0, targetModules };

interface Found {
  readonly logProbs: readonly number[];
  /** By the adapter's matrices. */
  readonly gradient: ReadonlyMap<string, Float32Array>;
}

let learned: TrainingState | null = null;
async function look(name: string): Promise<Found> {
  const engine = await openEngine({
    modelDir,
    lora,
    device: args.device as Device,
    ...optionsOf(name),
  });
  const { vocabSize } = engine.describe();
  const sequence = (seed: number): Sequence => {
    const random = createRandom(seed);
    const ids = Int32Array.from({ length: tokens }, () => random.below(vocabSize));
    return { ids, responseStart: Math.floor(tokens / 3) };
  };
  const [plain, other] = [sequence(1), sequence(2)];
  const judgment = sequence(3).ids.subarray(0, 8);
  const judged = {
    ids: Int32Array.from([...judgment, ...plain.ids]),
    responseStart: plain.responseStart + 8,
  };
  const batch: TokenExample[] = [
    { index: 0, rejected: true, sequences: { plain, judged } },
    { index: 1, rejected: false, sequences: { plain: other } },
  ];
  if (learned) engine.restore(learned);
  else for (let i = 0; i < 3; i++) await engine.step(batch, cut(), { ...defaultAdamW, learningRate: 1e-2 });
  learned ??= engine.trainingState();
  const logProbs = (await engine.score([plain, other])).flatMap((own) => [...own]);
  await engine.step(batch, cut(), { ...defaultAdamW, learningRate: 0 });
  const gradient = engine.gradient();
  const parts = engine.layout.parameters.map(
    ({ name: own, offset, size }) => [own, gradient.slice(offset, offset + size)] as const,
  );
  await engine.dispose();
  return { logProbs, gradient: new Map(parts) };
}

const dot = (a: Float32Array, b: Float32Array): number => a.reduce((sum, x, i) => sum + x * b[i]!, 0);
const cosine = (pairs: readonly (readonly [Float32Array, Float32Array])[]): number => {
  const sum = (of: (a: Float32Array, b: Float32Array) => number): number =>
    pairs.reduce((total, [a, b]) => total + of(a, b), 0);
  return sum(dot) / Math.sqrt(sum((a) => dot(a, a)) * sum((_, b) => dot(b, b)));
};

const reference = await look('float32');
console.log('| weights | log-probs, nats: mean, most | gradient, cosine: whole, median, worst matrix |');
console.log('| --- | --- | --- |');
for (const name of args.only.split(',')) {
  const found = await look(name);
  const apart = found.logProbs.map((p, i) => Math.abs(p - reference.logProbs[i]!));
  const pairs = [...reference.gradient].map(([own, a]) => [own, a, found.gradient.get(own)!] as const);
  const each = pairs
    .map(([own, a, b]) => ({ own, cosine: cosine([[a, b]]) }))
    .sort((a, b) => a.cosine - b.cosine);
  const [worst, median] = [each[0]!, each[each.length >> 1]!];
  const whole = cosine(pairs.map(([, a, b]) => [a, b] as const));
  const mean = apart.reduce((a, b) => a + b, 0) / apart.length;
  const cosines = `${whole.toFixed(5)}, ${median.cosine.toFixed(5)}, ${worst.cosine.toFixed(4)} (${worst.own})`;
  console.log(`| ${name} | ${mean.toFixed(4)}, ${Math.max(...apart).toFixed(3)} | ${cosines} |`);
}
