// Keys and values of the sequences that are being continued, a slot each, in the layout that the decoding graph
// reads in place: keys [slots, kvHeads, headDim, room], values [slots, kvHeads, room, headDim]. Knows no tokens.
import { halfBits } from '../graph/index.ts';
import type { ComputeDType, DecoderConfig } from '../models/index.ts';
import { cachedName, freshName } from './decoding-graph.ts';
import type { Feed } from './session.ts';

export interface KeyValueCache {
  /** Tokens that a slot has room for. */
  readonly room: number;
  /** What the graph reads: of `count` slots from `first` on. */
  feeds(first: number, count: number): Record<string, Feed>;
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
  /** Fills a slot from position `at` on, where nobody looks, with numbers of which no two neighbours are equal. */
  scribble(slot: number, at: number): void;
  /** Copies the first `count` tokens of a slot over another. */
  move(from: number, to: number, count: number): void;
  /** Gives every slot room for so many tokens; what lies beyond is lost. */
  resize(room: number): void;
}

/** Numbers of float32, or the bits of float16. */
export type Numbers = Float32Array | Uint16Array;

/** The values of a run's outputs by name. */
export type Fresh = (name: string) => Numbers;

interface Layer {
  keys: Numbers;
  values: Numbers;
}

export function createCache(
  { layers: count, kvHeads, headDim }: Pick<DecoderConfig, 'layers' | 'kvHeads' | 'headDim'>,
  slots: number,
  initialRoom: number,
  dtype: ComputeDType = 'float32',
): KeyValueCache {
  const numbers = dtype === 'float16' ? Uint16Array : Float32Array;
  const asKept = (x: number): number => (dtype === 'float16' ? halfBits(x) : x);
  let room = initialRoom;
  const width = kvHeads * headDim;
  const empty = (): Layer => ({
    keys: new numbers(slots * width * room),
    values: new numbers(slots * width * room),
  });
  const layers = Array.from({ length: count }, empty);
  const keyDims = (rows: number): number[] => [rows, kvHeads, headDim, room];
  const valueDims = (rows: number): number[] => [rows, kvHeads, room, headDim];

  return {
    get room() {
      return room;
    },
    feeds: (start, rows) => {
      const end = start + rows;
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
    scribble: (slot, at) => {
      for (const { keys, values } of layers) {
        for (let line = slot * width; line < (slot + 1) * width; line++) {
          for (let i = line * room + at; i < (line + 1) * room; i++) keys[i] = asKept(scribbled(i));
        }
        for (let head = slot * kvHeads; head < (slot + 1) * kvHeads; head++) {
          for (let i = (head * room + at) * headDim; i < (head + 1) * room * headDim; i++)
            values[i] = asKept(scribbled(i));
        }
      }
    },
    move: (from, to, tokens) => {
      for (const { keys, values } of layers) {
        for (let line = 0; line < width; line++) {
          const start = (from * width + line) * room;
          keys.copyWithin((to * width + line) * room, start, start + tokens);
        }
        for (let head = 0; head < kvHeads; head++) {
          const start = (from * kvHeads + head) * room * headDim;
          values.copyWithin((to * kvHeads + head) * room * headDim, start, start + tokens * headDim);
        }
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

/** From -1 to 1, as if at random. */
const scribbled = (i: number): number => (Math.imul(i + 1, 0x9e3779b1) >>> 0) / 2 ** 31 - 1;
