// Checks a merged model: it must give the token log-probs of its base with the adapter beside it.
// Knows engines and token sequences; not how models are merged.
import type { ComputeSettings } from './open-weights.ts';
import { WhetstoneError } from '../errors.ts';
import type { DecoderConfig, StoredDType } from '../models/index.ts';
import { isStoredDType, openCheckpoint, projectionNames, readDecoderConfig } from '../models/index.ts';
import type { OpenEngine, Sequence } from './engine.ts';
import { openWeights } from './open-weights.ts';
import type { Note } from '../words/note.ts';
import { createRandom } from '../random.ts';

/**
 * Largest mean difference of token log-probs (nats) between a merged model and the pair it was made from, by the
 * dtype that the merged weights are stored in. In float32 only the order of additions differs. In the halves every
 * merged weight is rounded, to 11 bits (float16) or 8 bits (bfloat16), and a model's log-probs feel that.
 */
export const mergeTolerance: Readonly<Record<StoredDType, number>> = { F32: 2e-4, F16: 0.00625, BF16: 0.05 };

export interface MergeCheck {
  /** The coarsest dtype among the merged model's projections. */
  readonly dtype: StoredDType;
  /** Log-probs compared. */
  readonly tokens: number;
  /** Mean and largest absolute difference of log-probs (nats): merged model, and base with adapter. */
  readonly meanDifference: number;
  readonly maxDifference: number;
  /** `mergeTolerance` of the dtype, which `meanDifference` may not exceed. */
  readonly tolerance: number;
  /** Mean absolute difference (nats) of base with adapter, and base alone: what the adapter does at all. */
  readonly adapterEffect: number;
  /**
   * How much of that the merged model does: the least-squares factor between its and the adapter's changes to the
   * log-probs. 1 is all of it; where updates are smaller than the dtype's steps, rounding undoes them and it falls.
   */
  readonly carriedShare: number;
}

export interface MergeCheckOptions extends ComputeSettings {
  /** Hears what a person should know of the base model. */
  readonly onNote?: (note: Note) => void;
  /** In place of the engine on ONNX Runtime. */
  readonly openEngine?: OpenEngine;
}

/**
 * Scores the same few token sequences with the merged model, with base and adapter, and with the base alone, one
 * model in memory at a time. Throws `MERGE_MISMATCH` where the first two differ by more than the tolerance.
 */
export async function verifyMerge(
  modelDir: string,
  adapterDir: string,
  mergedDir: string,
  options: MergeCheckOptions = {},
): Promise<MergeCheck> {
  const config = await readDecoderConfig(modelDir);
  const sequences = probeSequences(config);
  const { onNote, ...opening } = options;
  const scoreWith = async (model: string, adapter?: string): Promise<number[]> => {
    // What is said of the base is said once.
    const engine = await openWeights({ ...opening, model, adapter, ...(adapter && { onNote }) });
    try {
      return (await engine.score(sequences)).flatMap((logProbs) => Array.from(logProbs));
    } finally {
      await engine.dispose();
    }
  };
  const pair = await scoreWith(modelDir, adapterDir);
  const base = await scoreWith(modelDir);
  const merged = await scoreWith(mergedDir);
  const dtype = await coarsestDType(mergedDir, config);
  const off = differences(merged, pair);
  const result: MergeCheck = {
    dtype,
    tokens: pair.length,
    meanDifference: mean(off.map(Math.abs)),
    maxDifference: off.reduce((worst, x) => Math.max(worst, Math.abs(x)), 0),
    tolerance: mergeTolerance[dtype],
    adapterEffect: mean(differences(pair, base).map(Math.abs)),
    carriedShare: shareOf(differences(merged, base), differences(pair, base)),
  };
  // Written so that NaN fails too.
  if (!(result.meanDifference <= result.tolerance)) {
    throw new WhetstoneError(
      'MERGE_MISMATCH',
      `the merged model's log-probs differ from the unmerged pair's by ${result.meanDifference.toPrecision(3)} nats ` +
        `on average; expected at most ${result.tolerance} in ${dtype}`,
      {
        file: mergedDir,
        hint: 'A model this sensitive to rounding keeps its adapter better unmerged, or merged in float32.',
      },
    );
  }
  return result;
}

/** Four sequences of random tokens, the same for every model of this vocabulary. */
function probeSequences({ vocabSize, maxPositions }: DecoderConfig): Sequence[] {
  const length = Math.min(48, maxPositions);
  return [0, 1, 2, 3].map((number) => {
    const random = createRandom(0x6d65_7267, number);
    const ids = Int32Array.from({ length }, () => Math.floor(random.float() * vocabSize));
    return { ids, responseStart: 1 };
  });
}

async function coarsestDType(modelDir: string, config: DecoderConfig): Promise<StoredDType> {
  const { weights } = await openCheckpoint(modelDir);
  const found = projectionNames(config)
    .map((name) => weights.get(`${name}.weight`)?.dtype ?? '')
    .filter(isStoredDType);
  return found.reduce((a, b) => (mergeTolerance[a] >= mergeTolerance[b] ? a : b), 'F32');
}

const differences = (a: readonly number[], b: readonly number[]): number[] => a.map((x, i) => x - b[i]!);

const mean = (values: readonly number[]): number => values.reduce((a, b) => a + b, 0) / values.length;

/** The factor f for which f * whole is nearest to `part`; 1 where there is nothing to have a share of. */
function shareOf(part: readonly number[], whole: readonly number[]): number {
  const dot = (a: readonly number[], b: readonly number[]): number =>
    a.reduce((sum, x, i) => sum + x * b[i]!, 0);
  const size = dot(whole, whole);
  return size === 0 ? 1 : dot(part, whole) / size;
}
