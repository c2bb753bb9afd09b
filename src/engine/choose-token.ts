// The next token from the logits of one row: temperature, min-p, top-k, top-p, and log-probs. Knows one row only.
import type { Random } from '../random.ts';
import type { GeneratedToken, Sampling, ScoredToken } from './engine.ts';

/** The next token from logits [vocab]; ties of the greedy choice go to the smaller id. */
export function chooseToken(
  logits: Float32Array,
  { temperature, topK = 0, topP = 1, minP = 0 }: Sampling,
  random: Pick<Random, 'float'>,
): number {
  const best = argmax(logits);
  if (temperature <= 0) return best;
  const top = logits[best]!;
  const weightOf = (id: number): number => Math.exp((logits[id]! - top) / temperature);
  if (topK <= 0 && topP >= 1 && minP <= 0) {
    let total = 0;
    for (let id = 0; id < logits.length; id++) total += weightOf(id);
    return draw(logits.length, (id) => id, weightOf, total, random);
  }
  const { ids, mass } = nucleus(logits, top, { temperature, topK, topP, minP }, weightOf);
  return draw(ids.length, (i) => ids[i]!, weightOf, mass, random);
}

/** Draws the i-th of `count` candidates with probability weight / total. */
function draw(
  count: number,
  idOf: (i: number) => number,
  weightOf: (id: number) => number,
  total: number,
  random: Pick<Random, 'float'>,
): number {
  let point = random.float() * total;
  let last = idOf(0);
  for (let i = 0; i < count; i++) {
    const id = idOf(i);
    const weight = weightOf(id);
    if (weight > 0) last = id;
    point -= weight;
    if (point < 0) return id;
  }
  return last;
}

/**
 * Of the tokens that min-p leaves the k likeliest, and of those the fewest whose probabilities reach top-p, at least
 * one (arXiv 1904.09751); likeliest first, equals by id.
 */
function nucleus(
  logits: Float32Array,
  top: number,
  { temperature, topK, topP, minP }: Required<Pick<Sampling, 'temperature' | 'topK' | 'topP' | 'minP'>>,
  weightOf: (id: number) => number,
): { ids: number[]; mass: number } {
  // Weights are relative to the likeliest token's.
  const isLeft = (id: number): boolean => minP <= 0 || weightOf(id) >= minP;
  const wanted = topK > 0 ? Math.min(topK, logits.length) : logits.length;
  let all = 0;
  if (topK <= 0) for (let id = 0; id < logits.length; id++) if (isLeft(id)) all += weightOf(id);
  const deepest = minP > 0 ? Math.max(1, -2 * temperature * Math.log(minP)) : 1e6;
  // Sorting a whole vocabulary for each token would cost more than the model: look near the top first.
  for (let depth = Math.max(1, 8 * temperature); ; depth *= 4) {
    const near = candidates(logits, top - depth);
    const whole = near.length === logits.length || depth > deepest;
    const kept = near.filter(isLeft);
    if (!whole && topK > 0 && kept.length < wanted) continue;
    kept.sort((a, b) => logits[b]! - logits[a]! || a - b);
    if (kept.length > wanted) kept.length = wanted;
    const total = topK > 0 ? kept.reduce((sum, id) => sum + weightOf(id), 0) : all;
    let mass = 0;
    let size = 0;
    while (size < kept.length && (size === 0 || mass < topP * total)) mass += weightOf(kept[size++]!);
    if (!whole && mass < topP * total) continue;
    return { ids: kept.slice(0, size), mass };
  }
}

function candidates(logits: Float32Array, least: number): number[] {
  const ids: number[] = [];
  for (let id = 0; id < logits.length; id++) if (logits[id]! >= least) ids.push(id);
  return ids;
}

/** A token with its log-prob (nats) under softmax(logits [vocab]), and the `count` likeliest in its place. */
export function withLogProbs(logits: Float32Array, id: number, count: number): GeneratedToken {
  const best = logits[argmax(logits)]!;
  let sum = 0;
  for (const logit of logits) sum += Math.exp(logit - best);
  const normalizer = best + Math.log(sum);
  const scored = (token: number): ScoredToken => ({ id: token, logProb: logits[token]! - normalizer });
  return { ...scored(id), top: likeliest(logits, count).map(scored) };
}

/** Ids of the `count` largest logits, largest first, equals by id. */
function likeliest(logits: Float32Array, count: number): number[] {
  const found: number[] = [];
  if (count <= 0) return found;
  for (let id = 0; id < logits.length; id++) {
    const logit = logits[id]!;
    if (found.length === count && !(logit > logits[found[count - 1]!]!)) continue;
    let at = found.length;
    while (at > 0 && logit > logits[found[at - 1]!]!) at--;
    found.splice(at, 0, id);
    if (found.length > count) found.pop();
  }
  return found;
}

function argmax(values: Float32Array): number {
  let best = 0;
  for (let i = 1; i < values.length; i++) if (values[i]! > values[best]!) best = i;
  return best;
}
