// Trains the world's base model from nothing on the world's corpus, every weight, with the project's own engine.
// Knows documents and the engine; what the model can do afterwards is measured elsewhere.
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { explainWriting } from '../../src/durable/explain.ts';
import { beside, makeFolder, remove, writeFileDurably } from '../../src/durable/files.ts';
import { openEngine } from '../../src/engine/index.ts';
import type { OptimizerSettings, Sequence, TokenExample } from '../../src/engine/index.ts';
import type { StoredDType } from '../../src/models/index.ts';
import { writeFreshLlama } from '../../src/models/index.ts';
import { likelihood } from '../../src/objectives/index.ts';
import type { Tokenizer } from '../../src/tokens/index.ts';
import { loadTokenizer } from '../../src/tokens/index.ts';
import { DOCUMENT_SHARES, documents } from './documents.ts';
import type { WorldDocument } from './documents.ts';
import { worldTemplate } from './templates.ts';
import { worldTokenizerFiles } from './tokenizer.ts';

export interface PretrainSettings {
  /** Folder that becomes the model; must not exist. */
  readonly out: string;
  readonly seed: number;
  readonly hiddenSize: number;
  readonly intermediateSize: number;
  readonly layers: number;
  readonly heads: number;
  /** Predicted tokens to train on, over all steps. */
  readonly tokens: number;
  /** Predicted tokens of one step, at least. */
  readonly batchTokens: number;
  /** Peak rate: rises over the first twentieth of the tokens, then falls to 0 as a half cosine. */
  readonly learningRate: number;
  readonly weightDecay: number;
  /** How the weights are stored. */
  readonly dtype: StoredDType;
  /** Share of documents that show a judgment before the response, taken from or given to plain ones; 0 to 0.87. */
  readonly judged: number;
  readonly threads: number | null;
}

/** The settings of the model that comes with the project, but for its place. */
export const pretrainDefaults: Omit<PretrainSettings, 'out'> = {
  seed: 1,
  hiddenSize: 128,
  intermediateSize: 352,
  layers: 4,
  heads: 4,
  tokens: 1_600_000,
  batchTokens: 320,
  learningRate: 4e-3,
  weightDecay: 0.01,
  dtype: 'F16',
  judged: DOCUMENT_SHARES.judged,
  threads: null,
};

export interface PretrainProgress {
  readonly step: number;
  /** Predicted tokens so far. */
  readonly tokens: number;
  /** Nats for each predicted token of the step's batch. */
  readonly loss: number;
  readonly learningRate: number;
  readonly documents: number;
}

const maxPositions = 512;
const warmupShare = 0.05;

/**
 * Yields after each optimizer step; at the end the model is in `out`, complete with its tokenizer and with
 * template.json, the prompt layout that it was trained in. Until then nothing is there. The same settings on the
 * same machine give the same bytes. Throws what `saveModel` throws, `OUT_EXISTS` only at the end.
 */
export async function* pretrain(
  settings: PretrainSettings,
  signal?: AbortSignal,
): AsyncGenerator<PretrainProgress, void, undefined> {
  const fresh = beside(settings.out);
  await remove(fresh);
  await makeFolder(fresh);
  try {
    const tokenizer = await explainWriting(settings.out, () => writeBeginning(fresh, settings), {
      until: fresh,
    });
    const engine = await openEngine({
      modelDir: fresh,
      lora: null,
      seed: settings.seed,
      threads: settings.threads ?? undefined,
    });
    try {
      yield* train(engine, tokenizer, settings, signal);
      signal?.throwIfAborted();
      await engine.saveModel(settings.out, settings.dtype);
    } finally {
      await engine.dispose();
    }
  } finally {
    await rm(fresh, { recursive: true, force: true }).catch(() => undefined);
  }
}

async function* train(
  engine: Awaited<ReturnType<typeof openEngine>>,
  tokenizer: Tokenizer,
  settings: PretrainSettings,
  signal: AbortSignal | undefined,
): AsyncGenerator<PretrainProgress, void, undefined> {
  const objective = likelihood({ normalize: 'tokens' });
  const source = documents(settings.seed, settings.judged);
  const progress = { step: 0, tokens: 0, documents: 0 };
  while (progress.tokens < settings.tokens) {
    signal?.throwIfAborted();
    const batch: TokenExample[] = [];
    let predicted = 0;
    while (predicted < settings.batchTokens) {
      const plain = await encodeDocument(source.next().value, tokenizer);
      predicted += plain.ids.length - plain.responseStart;
      batch.push({ index: progress.documents++, rejected: false, sequences: { plain } });
    }
    const learningRate = rateAt(progress.tokens / settings.tokens, settings.learningRate);
    const { loss } = await engine.step(batch, objective, { ...adam(settings), learningRate });
    progress.step++;
    progress.tokens += predicted;
    yield { ...progress, loss, learningRate };
  }
}

/** The model before its first step, with its tokenizer, in the folder `fresh`. */
async function writeBeginning(fresh: string, settings: PretrainSettings): Promise<Tokenizer> {
  for (const [name, text] of Object.entries(worldTokenizerFiles()))
    await writeFileDurably(join(fresh, name), text);
  await writeFileDurably(join(fresh, 'template.json'), `${JSON.stringify(worldTemplate, null, 2)}\n`);
  const tokenizer = await loadTokenizer(fresh);
  await writeFreshLlama(fresh, shapeOf(settings, tokenizer), settings.seed);
  return tokenizer;
}

/** The prompt is read, the response and its end token are predicted. */
export async function encodeDocument(
  { prompt, response }: WorldDocument,
  tokenizer: Tokenizer,
): Promise<Sequence> {
  const [head, tail] = await Promise.all(
    [prompt, response].map((text) => tokenizer.encode(text, { addSpecialTokens: false })),
  );
  const end = tokenizer.eosTokenId === null ? [] : [tokenizer.eosTokenId];
  return { ids: Int32Array.from([...head!.ids, ...tail!.ids, ...end]), responseStart: head!.ids.length };
}

function rateAt(progress: number, peak: number): number {
  if (progress < warmupShare) return (peak * (progress + 1e-3)) / warmupShare;
  return (peak * (1 + Math.cos((Math.PI * (progress - warmupShare)) / (1 - warmupShare)))) / 2;
}

const adam = ({ weightDecay }: PretrainSettings): Omit<OptimizerSettings, 'learningRate'> => ({
  beta1: 0.9,
  beta2: 0.98,
  epsilon: 1e-8,
  maxGradNorm: 1,
  weightDecay,
});

function shapeOf(
  { hiddenSize, intermediateSize, layers, heads }: PretrainSettings,
  tokenizer: Tokenizer,
): Parameters<typeof writeFreshLlama>[1] {
  return {
    hiddenSize,
    intermediateSize,
    layers,
    heads,
    kvHeads: heads,
    maxPositions,
    vocabSize: tokenizer.vocabSize,
    bosTokenId: tokenizer.bosTokenId,
    eosTokenId: tokenizer.eosTokenId,
    padTokenId: null,
    initializerRange: 0.02,
  };
}
