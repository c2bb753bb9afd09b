// The order in which an epoch visits its rows. It knows row numbers only.
import { createRandom, shuffle } from '../random.ts';

export interface OrderSettings {
  readonly seed: number;
  /** Counted from 0. */
  readonly epoch: number;
  /** false keeps the order of the data in every epoch. */
  readonly shuffle: boolean;
}

/**
 * Row numbers 0 to count-1 in the order of one epoch: uint32 [count]. It depends on (count, seed, epoch) alone,
 * so that a resumed run finds its place again.
 */
export function epochOrder(count: number, settings: OrderSettings): Uint32Array {
  const order = Uint32Array.from({ length: count }, (_, i) => i);
  return settings.shuffle ? shuffle(order, createRandom(settings.seed, ORDER_STREAM, settings.epoch)) : order;
}

// Names this use of the seed, so that no other use of the same seed sees the same numbers.
const ORDER_STREAM = 1;
