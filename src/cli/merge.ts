// whetstone merge: an adapter folded into its base model, as a complete Hugging Face folder, checked before it
// gets its name.
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { OpenEngine, OpenEngineOptions } from '../alignment/engine-seam.ts';
import type { Sequence } from '../engine/engine.ts';
import { WhetstoneError } from '../errors.ts';
import { createRandom } from '../judgments/random.ts';
import type { Given, Verb } from './flags.ts';
import { mergeOptions } from './options.ts';
import type { MergeFlags } from './options.ts';
import type { Output } from './terminal.ts';
import { plural } from './terminal.ts';

export const mergeVerb: Verb<MergeFlags> = {
  name: 'merge',
  summary: 'Fold an adapter into its base model',
  about: `Writes a complete Hugging Face folder in the base's own dtype, for tools that know nothing
of adapters. Before the folder gets its name, its log-probs are compared with those of
the unmerged pair; what they may differ by is the dtype's rounding.`,
  examples: [['merge --model ./model --adapter ./run/adapter --out ./merged', 'a model of its own']],
  schema: mergeOptions,
  defaults: { threads: null },
  required: ['model', 'adapter', 'out'],
};

export async function runMerge(
  { values }: Given<MergeFlags>,
  { stdout, openEngine }: { stdout: Output; openEngine?: OpenEngine },
): Promise<number> {
  const { model, adapter, threads } = values;
  const { mergeAdapter } = await import('../models/index.ts');
  const { openOnnxEngine } = await import('../alignment/engine-seam.ts');
  const open = openEngine ?? openOnnxEngine;
  const common = threads === null ? {} : { threads };
  let figures = '';
  const check = async (dir: string): Promise<void> => {
    const sequences = probes(await vocabularySize(model));
    const base = await scores(open, { modelDir: model, ...common }, sequences);
    const pair = await scores(open, { modelDir: model, adapterDir: adapter, ...common }, sequences);
    const merged = await scores(open, { modelDir: dir, ...common }, sequences);
    const { mean, largest, effect } = compare(base, pair, merged);
    figures =
      `log-probs of ${plural(pair.length, 'token')} differ from the unmerged pair's by ${show(mean)} nats on average, ` +
      `${show(largest)} at most; the adapter itself moves them by ${show(effect)}`;
    const allowed = (roundingFloor[await dtypeOf(model)] ?? roundingFloor['float32']!) + effect / 4;
    if (mean <= allowed) return;
    throw new WhetstoneError('MERGE_MISMATCH', `the merged model is not the same model: ${figures}`, {
      file: values.out,
      hint: 'Nothing was left behind. If the adapter hardly changes the model, its dtype may be too coarse to hold it.',
    });
  };
  const { mergedProjections } = await mergeAdapter(model, adapter, values.out, { check });
  stdout.write(`${plural(mergedProjections, 'projection')} merged into ${values.out}\nchecked: ${figures}\n`);
  return 0;
}

/** Mean difference in nats that rounding the merged weights to a dtype may cause. */
const roundingFloor: Readonly<Record<string, number>> = { float32: 1e-4, float16: 5e-3, bfloat16: 5e-2 };

const probeCount = 4;
const probeLength = 48;

/** Sequences of token ids drawn evenly from the vocabulary, always the same ones. */
function probes(vocabularySize: number): Sequence[] {
  const random = createRandom(0, 11);
  return Array.from({ length: probeCount }, () => ({
    ids: Int32Array.from({ length: probeLength }, () => random.below(vocabularySize)),
    responseStart: 1,
  }));
}

async function scores(
  open: OpenEngine,
  options: OpenEngineOptions,
  sequences: readonly Sequence[],
): Promise<number[]> {
  const engine = await open(options);
  try {
    return (await engine.score(sequences)).flatMap((logprobs) => Array.from(logprobs));
  } finally {
    await engine.dispose();
  }
}

interface Comparison {
  /** Nats: |merged - pair| on average and at most, and |pair - base| on average. */
  readonly mean: number;
  readonly largest: number;
  readonly effect: number;
}

export function compare(
  base: readonly number[],
  pair: readonly number[],
  merged: readonly number[],
): Comparison {
  const distance = (a: readonly number[], b: readonly number[]): number[] =>
    a.map((x, i) => Math.abs(x - b[i]!));
  const mean = (values: readonly number[]): number => values.reduce((sum, x) => sum + x, 0) / values.length;
  const differences = distance(merged, pair);
  return { mean: mean(differences), largest: Math.max(...differences), effect: mean(distance(pair, base)) };
}

async function configOf(model: string): Promise<Record<string, unknown>> {
  return JSON.parse(await readFile(join(model, 'config.json'), 'utf8')) as Record<string, unknown>;
}

const vocabularySize = async (model: string): Promise<number> =>
  Number((await configOf(model))['vocab_size']);

async function dtypeOf(model: string): Promise<string> {
  const config = await configOf(model);
  const dtype = config['dtype'] ?? config['torch_dtype'];
  return typeof dtype === 'string' ? dtype : 'float32';
}

const show = (nats: number): string => nats.toPrecision(2);
