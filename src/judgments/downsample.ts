// Thins out the satisfactory rows when they outnumber the criticised ones. It knows labels, not text.
import { WhetstoneError } from '../errors.ts';
import { createRandom, shuffle } from '../random.ts';
import { labelOf } from './triplet.ts';
import type { Label, Triplet } from './triplet.ts';

/**
 * Keeps every unsatisfactory triplet and at most floor(ratio * unsatisfactory) satisfactory ones, as the
 * released code of arXiv 2312.14591 does, drawn with the seed; what is kept stays in its order. A ratio of 0 drops all satisfactory triplets.
 *
 * Throws WhetstoneError `INVALID_OPTION` if the ratio is negative or not finite, and `NO_NEGATIVES` if there is
 * no unsatisfactory triplet to take the ratio of.
 */
export function downsampleSatisfactory(
  triplets: readonly Triplet[],
  ratio: number,
  seed: number,
): readonly Triplet[] {
  const kept = keptAfterDownsampling(triplets.map(labelOf), ratio, seed);
  return kept.length === triplets.length ? triplets : Array.from(kept, (i) => triplets[i]!);
}

/** The same for bare labels: positions that stay, ascending, uint32. */
export function keptAfterDownsampling(labels: readonly Label[], ratio: number, seed: number): Uint32Array {
  if (!(ratio >= 0 && Number.isFinite(ratio))) {
    throw new WhetstoneError('INVALID_OPTION', `expected a number of 0 or more, found ${ratio}`, {
      field: 'downsample',
      hint: 'Give the number of satisfactory rows to keep for each unsatisfactory one, for instance 0.25.',
    });
  }
  const satisfactory = Uint32Array.from(labels.flatMap((label, i) => (label === 'align-p' ? [i] : [])));
  const negatives = labels.length - satisfactory.length;
  if (negatives === 0 && labels.length > 0) {
    throw new WhetstoneError('NO_NEGATIVES', 'no row has a judgment that criticises its response', {
      field: 'downsample',
      hint: 'Down-sampling keeps satisfactory rows in proportion to the criticised ones; leave the option out.',
    });
  }
  const wanted = Math.min(satisfactory.length, Math.floor(ratio * negatives));
  const drawn = new Set(shuffle(satisfactory, createRandom(seed, DOWNSAMPLE_STREAM)).subarray(0, wanted));
  return Uint32Array.from(labels.flatMap((label, i) => (label === 'align-n' || drawn.has(i) ? [i] : [])));
}

// Names this use of the seed, so that no other use of the same seed sees the same numbers.
const DOWNSAMPLE_STREAM = 2;
