// Dropout masks of the adapters' inputs, drawn from named random streams so that a resumed run draws the same.
import { dimKey } from '../graph/index.ts';
import type { BoundWeights, Trainable } from '../models/index.ts';
import type { Sequence } from './engine.ts';
import type { Random } from '../random.ts';
import type { Feed } from './session.ts';

/** Dropout masks for one run of a sequence in a graph of `rows` rows. */
export type MaskSource = (sequence: Sequence, rows: number, random: Random) => Record<string, Feed>;

/** Masks share one buffer that is filled anew for each run. */
export function maskSource({ masks }: BoundWeights, trainable: Trainable): MaskSource {
  if (trainable.kind !== 'lora' || masks.size === 0) return () => ({});
  const { dropout } = trainable.lora;
  const shapes = [...masks].map(([name, { shape }]) => ({
    name,
    onResponse: dimKey(shape[0]!) === 'outputs',
    width: shape[1] as number,
  }));
  let buffer = new Uint8Array(0);
  return ({ ids, responseStart }, rows, random) => {
    const rowsOf = (onResponse: boolean): number => (onResponse ? ids.length - responseStart : rows);
    const needed = shapes.reduce((sum, { onResponse, width }) => sum + rowsOf(onResponse) * width, 0);
    if (buffer.length < needed) buffer = new Uint8Array(needed);
    fillKeepMask(buffer.subarray(0, needed), dropout, random);
    let offset = 0;
    return Object.fromEntries(
      shapes.map(({ name, onResponse, width }) => {
        const height = rowsOf(onResponse);
        const data = buffer.subarray(offset, offset + height * width);
        offset += height * width;
        return [name, { data, dims: [height, width] }];
      }),
    );
  };
}

/**
 * Fills `mask` with 1, and with 0 where an element is dropped with probability `p`: the gaps between dropped
 * elements are geometric, so the cost follows their number.
 */
export function fillKeepMask(mask: Uint8Array, p: number, random: Pick<Random, 'float'>): void {
  mask.fill(1);
  const logKeep = Math.log1p(-p);
  for (let i = gap(); i < mask.length; i += 1 + gap()) mask[i] = 0;

  function gap(): number {
    return Math.floor(Math.log(1 - random.float()) / logKeep);
  }
}
