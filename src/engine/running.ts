// A request on its way: what waits for it, how far it has come, and its next token. Knows no batches.
import { WhetstoneError } from '../errors.ts';
import type { Random } from '../random.ts';
import { createRandom } from '../random.ts';
import { chooseToken, withLogProbs } from './choose-token.ts';
import type { GeneratedToken, Generation, GenerationRequest } from './engine.ts';
import { shapeLogits, shapes } from './shape-logits.ts';

/** A request and who waits for it. */
export interface Waiting {
  readonly request: GenerationRequest;
  readonly resolve: (generation: Generation) => void;
  readonly reject: (error: unknown) => void;
}

/** A sequence in its slot. */
export interface Running {
  readonly waiting: Waiting;
  slot: number;
  readonly random: Random;
  readonly made: number[];
  /** Tokens that penalties fall on; null where the logits stay as they are. */
  readonly past: { readonly seen: Set<number>; readonly counts: Map<number, number> } | null;
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
    past: shapes(sampling) ? { seen: new Set(prompt), counts: new Map() } : null,
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
  const ends = sequence.waiting.request.endTokens ?? endTokens;
  const token = nextToken(sequence, logits, ends);
  sequence.made.push(token.id);
  const { seen, counts } = sequence.past ?? {};
  seen?.add(token.id);
  counts?.set(token.id, (counts.get(token.id) ?? 0) + 1);
  const stopped = (await sequence.waiting.request.onToken?.(token)) === true;
  if (ends.has(token.id)) return 'end';
  if (stopped) return 'stopped';
  if (sequence.made.length >= sequence.limit) return 'length';
  return isAborted(sequence) ? 'aborted' : null;
}

function nextToken(
  { waiting, random, past, made }: Running,
  logits: Float32Array,
  endTokens: ReadonlySet<number>,
): GeneratedToken {
  const { sampling, topLogProbs } = waiting.request;
  const own = topLogProbs !== undefined && past ? logits.slice() : logits;
  if (past) shapeLogits(logits, sampling, { ...past, length: made.length }, endTokens);
  const id = chooseToken(logits, sampling, random);
  if (!Number.isFinite(logits[id])) {
    throw new WhetstoneError('NON_FINITE_LOGITS', 'the model gives no token a finite logit', {
      hint: 'Its weights or its adapter may be damaged.',
    });
  }
  return topLogProbs === undefined ? { id, logProb: NaN, top: [] } : withLogProbs(own, id, topLogProbs);
}
