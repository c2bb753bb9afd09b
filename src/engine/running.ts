// A request on its way: what waits for it, how far it has come, and its next token. Knows no batches.
import { WhetstoneError } from '../errors.ts';
import type { Random } from '../random.ts';
import { createRandom } from '../random.ts';
import { chooseToken, penalizeRepetition, withLogProbs } from './choose-token.ts';
import type { GeneratedToken, Generation, GenerationRequest } from './engine.ts';

/** A request and who waits for it. */
export interface Waiting {
  readonly request: GenerationRequest;
  readonly resolve: (generation: Generation) => void;
  readonly reject: (error: unknown) => void;
}

/** A sequence in its slot. */
export interface Running {
  readonly waiting: Waiting;
  readonly slot: number;
  readonly random: Random;
  readonly made: number[];
  /** Tokens that a penalty for repetition falls on; null without one. */
  readonly seen: Set<number> | null;
  /** Tokens in the cache. */
  cached: number;
  /** Most tokens that it may have. */
  readonly limit: number;
}

export function begin(waiting: Waiting, slot: number, maxPositions: number): Running {
  const { prompt, sampling } = waiting.request;
  return {
    waiting,
    slot,
    random: createRandom(sampling.seed ?? 0),
    made: [],
    seen: (sampling.repetitionPenalty ?? 1) === 1 ? null : new Set(prompt),
    cached: 0,
    limit: Math.min(sampling.maxNewTokens, maxPositions - prompt.length),
  };
}

export const isAborted = ({ waiting }: Running): boolean => waiting.request.signal?.aborted === true;

/**
 * Chooses the next token and tells of it; returns how the sequence ends with it, or null where it goes on. Throws
 * `NON_FINITE_LOGITS`, and what `onToken` throws.
 */
export async function advance(
  sequence: Running,
  logits: Float32Array,
  endTokens: ReadonlySet<number>,
): Promise<Generation['finish'] | null> {
  if (isAborted(sequence)) return 'aborted';
  const token = nextToken(sequence, logits);
  sequence.made.push(token.id);
  sequence.seen?.add(token.id);
  const stopped = (await sequence.waiting.request.onToken?.(token)) === true;
  if ((sequence.waiting.request.endTokens ?? endTokens).has(token.id)) return 'end';
  if (stopped) return 'stopped';
  if (sequence.made.length >= sequence.limit) return 'length';
  return isAborted(sequence) ? 'aborted' : null;
}

function nextToken({ waiting, random, seen }: Running, logits: Float32Array): GeneratedToken {
  const { sampling, topLogProbs } = waiting.request;
  const own = topLogProbs !== undefined && seen ? logits.slice() : logits;
  if (seen) penalizeRepetition(logits, seen, sampling.repetitionPenalty!);
  const id = chooseToken(logits, sampling, random);
  if (!Number.isFinite(logits[id])) {
    throw new WhetstoneError('NON_FINITE_LOGITS', 'the model gives no token a finite logit', {
      hint: 'Its weights or its adapter may be damaged.',
    });
  }
  return topLogProbs === undefined ? { id, logProb: NaN, top: [] } : withLogProbs(own, id, topLogProbs);
}
