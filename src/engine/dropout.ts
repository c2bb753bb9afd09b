// Dropout masks of the adapters' inputs, drawn from named random streams so that a resumed run draws the same.
import { dimKey } from '../graph/index.ts';
import type { BoundWeights, Trainable } from '../models/index.ts';
import type { Random } from '../random.ts';
import { outputsDim } from './arrangement.ts';
import type { Feed } from './session.ts';

/** One sequence of a run: how many rows it has in full and on its response, and where its masks come from. */
export interface Masked {
  readonly rows: number;
  readonly outputs: number;
  readonly random: Random;
}

/** Dropout masks for one run. A sequence's own part does not depend on what it is run with. */
export type MaskSource = (sequences: readonly Masked[]) => Record<string, Feed>;

/** Masks share one buffer that is filled anew for each run. */
export function maskSource({ masks }: BoundWeights, trainable: Trainable): MaskSource {
  if (trainable.kind !== 'lora' || masks.size === 0) return () => ({});
  const { dropout } = trainable.lora;
  const shapes = [...masks].map(([name, { shape }]) => ({
    name,
    part: dimKey(shape[0]!) === outputsDim ? ('outputs' as const) : ('rows' as const),
    width: shape[1] as number,
  }));
  let buffer = new Uint8Array(0);
  return (sequences) => {
    const heights = {
      rows: sequences.reduce((sum, { rows }) => sum + rows, 0),
      outputs: sequences.reduce((sum, { outputs }) => sum + outputs, 0),
    };
    const needed = shapes.reduce((sum, { part, width }) => sum + heights[part] * width, 0);
    if (buffer.length < needed) buffer = new Uint8Array(needed);
    let offset = 0;
    return Object.fromEntries(
      shapes.map(({ name, part, width }) => {
        const data = buffer.subarray(offset, offset + heights[part] * width);
        offset += data.length;
        let start = 0;
        for (const sequence of sequences) {
          const size = sequence[part] * width;
          fillKeepMask(data.subarray(start, start + size), dropout, sequence.random);
          start += size;
        }
        return [name, { data, dims: [heights[part], width] }];
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
  const known = knownGaps(p);
  const logKeep = Math.log1p(-p);
  for (let i = gap(); i < mask.length; i += 1 + gap()) mask[i] = 0;

  function gap(): number {
    const draw = random.float();
    const found = known[Math.floor(draw * draws)]!;
    return found >= 0 ? found : gapOf(draw, logKeep);
  }
}

/** The gap before the next dropped element, of a draw from [0, 1). */
const gapOf = (draw: number, logKeep: number): number => Math.floor(Math.log(1 - draw) / logKeep);

/** Into how many equal parts draws are put. */
const draws = 4096;

let last: { readonly p: number; readonly gaps: Int32Array } | null = null;

/**
 * The gap of each part of the draws, where all of a part have the same, else -1: most parts spare a logarithm. Gaps grow with
 * draws, so that a part whose neighbours' ends agree with its own has one gap whatever the rounding of logarithms.
 */
function knownGaps(p: number): Int32Array {
  if (last?.p === p) return last.gaps;
  const logKeep = Math.log1p(-p);
  const ends = Array.from({ length: draws + 2 }, (_, i) => {
    const draw = (i - 0.5) / draws;
    return draw < 0 ? 0 : draw >= 1 ? -1 : gapOf(draw, logKeep);
  });
  // Half a part beyond each end.
  const gaps = Int32Array.from({ length: draws }, (_, i) =>
    ends[i] === ends[i + 2] && ends[i]! < 2 ** 31 ? ends[i]! : -1,
  );
  last = { p, gaps };
  return gaps;
}
