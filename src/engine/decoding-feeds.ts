// The inputs of a decoding run but for the cache: which tokens, where they stand, and what each may look at. Knows no
// slots and no requests.
import type { DecoderConfig } from '../models/index.ts';
import { biasName } from './decoding-graph.ts';
import type { Feed } from './session.ts';

/** The tokens that a run reads of one sequence: `ids`, behind `cached` others. */
export interface RunRow {
  readonly ids: Int32Array;
  readonly cached: number;
}

/** All inputs but the cache. Rows with fewer than `fresh` tokens are padded on the right, where nobody looks. */
export function runFeeds(
  config: DecoderConfig,
  room: number,
  rows: readonly RunRow[],
  fresh: number,
): Record<string, Feed> {
  const ids = new Int32Array(rows.length * fresh);
  const positions = new Int32Array(rows.length * fresh);
  const last = new Int32Array(rows.length);
  for (const [row, { ids: own, cached }] of rows.entries()) {
    ids.set(own, row * fresh);
    for (let i = 0; i < fresh; i++) {
      positions[row * fresh + i] = Math.min(cached + i, config.maxPositions - 1);
    }
    last[row] = row * fresh + own.length - 1;
  }
  return {
    ids: { data: ids, dims: [rows.length, fresh] },
    positions: { data: positions, dims: [rows.length, fresh] },
    last_rows: { data: last, dims: [rows.length] },
    ...biases(config, room, rows, fresh),
  };
}

/** A token sees itself and what lies before it in its sequence, within the window. */
function biases(
  config: DecoderConfig,
  room: number,
  rows: readonly RunRow[],
  fresh: number,
): Record<string, Feed> {
  const total = room + fresh;
  return Object.fromEntries(
    [...new Set(config.windows)].map((window) => {
      const data = new Float32Array(rows.length * fresh * total).fill(-Infinity);
      for (const [row, { cached }] of rows.entries()) {
        for (let i = 0; i < fresh; i++) {
          const start = (row * fresh + i) * total;
          const oldest = window === null ? 0 : Math.max(0, cached + i - window + 1);
          data.fill(0, start + Math.min(oldest, cached), start + cached);
          data.fill(0, start + room + Math.max(0, oldest - cached), start + room + i + 1);
        }
      }
      return [biasName(window), { data, dims: [rows.length, 1, 1, fresh, total] }];
    }),
  );
}
