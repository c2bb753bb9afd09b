// Greedy and sampled continuation of prompts with a key/value cache, a batch at a time.
import type { Tensor as OrtTensor } from 'onnxruntime-node';
import type { Tensor } from '../graph/index.ts';
import { concat, dim, input, mulDims, reshape } from '../graph/index.ts';
import type { Checkpoint, DecoderConfig, Trainable } from '../models/index.ts';
import { attention, bindWeights, decode, logitsOf } from '../models/index.ts';
import type { Generation, GenerationRequest, Sampling } from './engine.ts';
import type { Random } from '../random.ts';
import { createRandom } from '../random.ts';
import type { Feed, Session } from './session.ts';
import { compile } from './session.ts';

export interface Generator {
  generate(
    requests: readonly GenerationRequest[],
    parameters: Readonly<Record<string, Feed>>,
  ): Promise<Generation[]>;
  release(): Promise<void>;
}

const cacheName = (kind: 'key' | 'value', layer: number): string => `${kind}.${layer}`;
const biasName = (window: number | null): string => (window === null ? 'bias' : `bias_${window}`);

/** Outputs: `logits` [batch, vocab] of each row's last token, and the grown caches [batch, past + new, width]. */
function traceDecode(
  config: DecoderConfig,
  checkpoint: Checkpoint,
  trainable: Trainable,
): Record<string, Tensor> {
  const weights = bindWeights(checkpoint, trainable, { training: false });
  const [batch, fresh, past] = [dim('batch'), dim('fresh'), dim('past')];
  const rows = mulDims(batch, fresh);
  const width = config.kvHeads * config.headDim;
  const ids = reshape(input('ids', 'int32', [batch, fresh]), [rows]);
  const positions = reshape(input('positions', 'int32', [batch, fresh]), [rows]);
  const lastRows = input('last_rows', 'int32', [batch]);
  const caches: Record<string, Tensor> = {};
  const biases = new Map<number | null, Tensor>();
  const total = input(cacheName('key', 0), 'float32', [batch, past, width]);

  const grow = (kind: 'key' | 'value', layer: number, value: Tensor): Tensor => {
    const name = cacheName(kind, layer);
    const before = name === cacheName('key', 0) ? total : input(name, 'float32', [batch, past, width]);
    const grown = concat([before, reshape(value, [batch, fresh, width])], 1);
    caches[`grown.${name}`] = grown;
    return grown;
  };
  const biasOf = (window: number | null, keys: Tensor): Tensor => {
    const known =
      biases.get(window) ?? input(biasName(window), 'float32', [batch, 1, 1, fresh, keys.shape[1]!]);
    biases.set(window, known);
    return known;
  };
  const hidden = decode(
    config,
    weights,
    { ids, positions, outputRows: lastRows },
    (layer, { query, key, value }) => {
      const grown = {
        query: reshape(query, [batch, fresh, config.heads * config.headDim]),
        key: grow('key', layer, key),
        value: grow('value', layer, value),
      };
      return reshape(attention(config, grown, biasOf(config.windows[layer]!, grown.key)), query.shape);
    },
  );
  return { logits: logitsOf(config, weights, hidden), ...caches };
}

export async function openGenerator(
  config: DecoderConfig,
  checkpoint: Checkpoint,
  trainable: Trainable,
  { threads, endTokens }: { threads: number; endTokens: ReadonlySet<number> },
): Promise<Generator> {
  const session = await compile(traceDecode(config, checkpoint, trainable), {
    root: checkpoint.root,
    threads,
  });
  return {
    generate: async (requests, parameters) => {
      const results: Generation[] = [];
      for (const request of requests) {
        const { prompt, sampling } = request;
        const rows = [{ prompt, random: createRandom(sampling.seed ?? 0) }];
        const [made] = await generateBatch(session, config, rows, sampling, parameters, endTokens);
        for (const id of made!.ids) await request.onToken?.({ id, logProb: 0, top: [] });
        results.push(made!);
      }
      return results;
    },
    release: () => session.release(),
  };
}

interface Row {
  readonly prompt: Int32Array;
  readonly random: Random;
}

/** Rows are padded on the left, so that the newest token of each lies in the same column. */
async function generateBatch(
  session: Session,
  config: DecoderConfig,
  rows: readonly Row[],
  sampling: Sampling,
  parameters: Readonly<Record<string, Feed>>,
  endTokens: ReadonlySet<number>,
): Promise<Generation[]> {
  const longest = Math.max(...rows.map(({ prompt }) => prompt.length));
  const padding = rows.map(({ prompt }) => longest - prompt.length);
  const made = rows.map((): number[] => []);
  const finished = rows.map(() => sampling.maxNewTokens <= 0);
  const width = config.kvHeads * config.headDim;
  const empty: Feed = { data: new Float32Array(0), dims: [rows.length, 0, width] };
  const cacheNames = Array.from({ length: config.layers }, (_, l) => [
    cacheName('key', l),
    cacheName('value', l),
  ]).flat();
  let caches: Record<string, Feed | OrtTensor> = Object.fromEntries(cacheNames.map((name) => [name, empty]));
  let past = 0;
  let ids = Int32Array.from(
    rows.flatMap(({ prompt }, i) => [...new Array<number>(padding[i]!).fill(0), ...prompt]),
  );

  while (!finished.every(Boolean)) {
    const fresh = ids.length / rows.length;
    const outputs = await session.runKeeping({
      ...parameters,
      ...caches,
      ...biasFeeds(config, padding, past, fresh),
      ids: { data: ids, dims: [rows.length, fresh] },
      positions: { data: positionsOf(padding, past, fresh), dims: [rows.length, fresh] },
      last_rows: { data: Int32Array.from(rows, (_, i) => (i + 1) * fresh - 1), dims: [rows.length] },
    });
    disposeAll(caches);
    caches = Object.fromEntries(cacheNames.map((name) => [name, outputs[`grown.${name}`]!]));
    const logits = outputs.logits!.data as Float32Array;
    const next = rows.map(({ random }, i) => {
      if (finished[i]) return 0;
      const token = chooseToken(
        logits.subarray(i * config.vocabSize, (i + 1) * config.vocabSize),
        sampling,
        random,
      );
      made[i]!.push(token);
      finished[i] = endTokens.has(token) || made[i]!.length >= sampling.maxNewTokens;
      return token;
    });
    outputs.logits!.dispose();
    past += fresh;
    ids = Int32Array.from(next);
  }
  disposeAll(caches);
  return made.map((tokens) => ({
    ids: Int32Array.from(tokens),
    finish: endTokens.has(tokens.at(-1) ?? -1) ? 'end' : 'length',
  }));
}

function disposeAll(caches: Record<string, Feed | OrtTensor>): void {
  for (const cache of Object.values(caches)) if ('dispose' in cache) cache.dispose();
}

function positionsOf(padding: readonly number[], past: number, fresh: number): Int32Array {
  return Int32Array.from(
    padding.flatMap((pad) => Array.from({ length: fresh }, (_, i) => Math.max(0, past + i - pad))),
  );
}

/**
 * One bias a kind of layer. A query sees itself and what lies before it, within the window, padding excepted;
 * padding sees itself alone, so that its softmax has something to normalize.
 */
function biasFeeds(
  config: DecoderConfig,
  padding: readonly number[],
  past: number,
  fresh: number,
): Record<string, Feed> {
  const total = past + fresh;
  return Object.fromEntries(
    [...new Set(config.windows)].map((window) => {
      const data = new Float32Array(padding.length * fresh * total).fill(-Infinity);
      padding.forEach((pad, row) => {
        for (let i = 0; i < fresh; i++) {
          const at = past + i;
          const start = (row * fresh + i) * total;
          const from = Math.max(pad, window === null ? 0 : at - window + 1);
          data.fill(0, start + Math.min(from, at), start + at + 1);
        }
      });
      return [biasName(window), { data, dims: [padding.length, 1, 1, fresh, total] }];
    }),
  );
}

/** The next token from logits [vocab]; ties of the greedy choice go to the smaller id. */
export function chooseToken(
  logits: Float32Array,
  { temperature, topK = 0, topP = 1 }: Sampling,
  random: Pick<Random, 'float'>,
): number {
  if (temperature <= 0) return argmax(logits);
  const order = Array.from(logits.keys()).sort((a, b) => logits[b]! - logits[a]! || a - b);
  const kept = topK > 0 ? order.slice(0, topK) : order;
  const top = logits[kept[0]!]!;
  const weights = kept.map((id) => Math.exp((logits[id]! - top) / temperature));
  const total = weights.reduce((a, b) => a + b, 0);
  // The nucleus: the fewest tokens whose probabilities reach top-p, at least one (arXiv 1904.09751).
  let nucleus = 0;
  let mass = 0;
  while (nucleus < weights.length && (nucleus === 0 || mass < topP * total)) mass += weights[nucleus++]!;
  let point = random.float() * mass;
  for (let i = 0; i < nucleus; i++) {
    point -= weights[i]!;
    if (point < 0) return kept[i]!;
  }
  return kept[nucleus - 1]!;
}

function argmax(values: Float32Array): number {
  let best = 0;
  for (let i = 1; i < values.length; i++) if (values[i]! > values[best]!) best = i;
  return best;
}
