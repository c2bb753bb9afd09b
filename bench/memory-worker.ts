// One process of the memory benchmark: opens a model, does one kind of work, and tells what was estimated for it
// and the peak that the system counted.
import { openEngine } from '../src/engine/index.ts';
import type { Work } from '../src/engine/index.ts';
import { bytesOf } from '../src/engine/memory.ts';
import { cut } from '../src/objectives/index.ts';
import { defaultAdamW } from '../src/engine/index.ts';
import { peakMemory, residentWeights } from './peak-memory.ts';

export interface MemoryJob {
  readonly model: string;
  readonly kind: 'open' | 'weights' | 'train' | 'score' | 'generate';
  /** Whether training repacks weights; null leaves it to the engine. */
  readonly prepack: boolean | null;
  readonly baseDtype: 'float32' | 'int8' | 'int4';
  readonly baseCompute: 'float32' | 'int8';
  readonly computeDtype: 'float32' | 'float16';
  readonly tokens: number;
  readonly responseTokens: number;
}

const {
  model: modelDir,
  kind,
  prepack,
  baseDtype,
  baseCompute,
  computeDtype,
  tokens,
  responseTokens,
} = JSON.parse(process.argv[2]!) as MemoryJob;
const targetModules = ['gate_proj', 'up_proj', 'down_proj'];
const lora = { rank: 16, alpha: 32, dropout: 0, rankStabilized: false, targetModules };
const engine = await openEngine({
  modelDir,
  baseDtype,
  baseCompute,
  computeDtype,
  threads: 2,
  slots: 8,
  ...(kind === 'train' && { lora }),
  ...(prepack !== null && { prepack }),
});
const { vocabSize, parameters } = engine.describe();
const sequenceOf = (length: number, seed: number): { ids: Int32Array; responseStart: number } => ({
  ids: Int32Array.from({ length }, (_, i) => 3 + ((i * 7919 + seed) % (vocabSize - 3))),
  responseStart: length - responseTokens,
});
const work: Work | null =
  kind === 'open' || kind === 'weights'
    ? null
    : kind === 'generate'
      ? { kind, promptTokens: tokens - responseTokens, tokens }
      : { kind, tokens, responseTokens };
const parts = work && engine.estimateMemory(work);
const estimate = parts && bytesOf(parts);
const opened = peakMemory();
const began = performance.now();
if (kind === 'train') {
  const optimizer = { ...defaultAdamW, learningRate: 1e-4 };
  // Another objective would be another graph.
  const objective = cut();
  for (let step = 0; step < 2; step++) {
    const judged = sequenceOf(tokens, step);
    const plain = { ids: judged.ids.slice(16), responseStart: judged.responseStart - 16 };
    const sequences = { plain, judged };
    await engine.step([{ index: 0, rejected: true, sequences }], objective, optimizer);
  }
} else if (kind === 'weights') {
  await engine.score([sequenceOf(tokens, 0)]);
} else if (kind === 'score') {
  for (let seed = 0; seed < 3; seed++) await engine.score([sequenceOf(tokens, seed)]);
} else if (kind === 'generate') {
  const prompt = sequenceOf(tokens - responseTokens, 1).ids;
  const sampling = { maxNewTokens: responseTokens, temperature: 0 };
  await engine.generate(
    Array.from({ length: 8 }, () => ({ prompt, sampling, endTokens: new Set<number>() })),
  );
}
const seconds = (performance.now() - began) / 1000;
const weights = kind === 'weights' ? { parameters, ...residentWeights() } : null;
process.stdout.write(
  `${JSON.stringify({ estimate, parts, opened, peak: peakMemory(), weights, seconds })}\n`,
);
await engine.dispose();
