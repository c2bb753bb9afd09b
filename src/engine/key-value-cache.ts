// Keys and values of the sequences that are being continued, a slot each, in the layout that the decoding graph
// reads in place: keys [slots, kvHeads, headDim, room], values [slots, kvHeads, room, headDim]. Knows no tokens.
import type { DecoderConfig } from '../models/index.ts';
import { cachedName, freshName } from './decoding-graph.ts';
import type { Feed } from './session.ts';

export interface KeyValueCache {
  /** Tokens that a slot has room for. */
  readonly room: number;
  /** What the graph reads: of all slots, or of one. */
  feeds(slot?: number): Record<string, Feed>;
  /**
   * Takes over the first `count` tokens of row `row` of a run's outputs ([rows * fresh, width] each) as the tokens
   * of `slot` from position `at` on. There must be room.
   */
  write(
    slot: number,
    at: number,
    run: { readonly outputs: Fresh; readonly row: number; readonly fresh: number; readonly count: number },
  ): void;
  /** Fills a slot with zeros. */
  clear(slot: number): void;
  /** Gives every slot room for so many tokens; what lies beyond is lost. */
  resize(room: number): void;
}

/** The values of a run's outputs by name. */
export type Fresh = (name: string) => Float32Array;

interface Layer {
  keys: Float32Array;
  values: Float32Array;
}

export function createCache(
  { layers: count, kvHeads, headDim }: Pick<DecoderConfig, 'layers' | 'kvHeads' | 'headDim'>,
  slots: number,
  initialRoom: number,
): KeyValueCache {
  let room = initialRoom;
  const width = kvHeads * headDim;
  const empty = (): Layer => ({
    keys: new Float32Array(slots * width * room),
    values: new Float32Array(slots * width * room),
  });
  const layers = Array.from({ length: count }, empty);
  const keyDims = (rows: number): number[] => [rows, kvHeads, headDim, room];
  const valueDims = (rows: number): number[] => [rows, kvHeads, room, headDim];

  return {
    get room() {
      return room;
    },
    feeds: (slot) => {
      const [rows, start, end] = slot === undefined ? [slots, 0, slots] : [1, slot, slot + 1];
      return Object.fromEntries(
        layers.flatMap(({ keys, values }, layer) => [
          [
            cachedName('key', layer),
            { data: keys.subarray(start * width * room, end * width * room), dims: keyDims(rows) },
          ],
          [
            cachedName('value', layer),
            { data: values.subarray(start * width * room, end * width * room), dims: valueDims(rows) },
          ],
        ]),
      );
    },
    write: (slot, at, { outputs, row, fresh, count: tokens }) => {
      for (const [layer, { keys, values }] of layers.entries()) {
        const freshKeys = outputs(freshName('key', layer));
        const freshValues = outputs(freshName('value', layer));
        for (let token = 0; token < tokens; token++) {
          const from = (row * fresh + token) * width;
          for (let head = 0; head < kvHeads; head++) {
            const source = from + head * headDim;
            const target = (slot * kvHeads + head) * headDim * room;
            values.set(freshValues.subarray(source, source + headDim), target + (at + token) * headDim);
            for (let i = 0; i < headDim; i++) keys[target + i * room + at + token] = freshKeys[source + i]!;
          }
        }
      }
    },
    clear: (slot) => {
      for (const { keys, values } of layers) {
        for (const data of [keys, values]) data.fill(0, slot * width * room, (slot + 1) * width * room);
      }
    },
    resize: (wanted) => {
      if (wanted === room) return;
      const before = room;
      room = wanted;
      const kept = Math.min(before, room);
      for (const layer of layers) {
        const fresh = empty();
        for (let line = 0; line < slots * width; line++) {
          fresh.keys.set(layer.keys.subarray(line * before, line * before + kept), line * room);
        }
        for (let head = 0; head < slots * kvHeads; head++) {
          const from = head * before * headDim;
          fresh.values.set(layer.values.subarray(from, from + kept * headDim), head * room * headDim);
        }
        Object.assign(layer, fresh);
      }
    },
  };
}
