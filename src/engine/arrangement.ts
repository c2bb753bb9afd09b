// How the sequences of one run lie in its tensors, and how they attend to themselves: without padding, in blocks,
// or, for narrow models, any number of them with a padded grid for attention alone. Knows nothing of losses.
import type { Dim, Tensor } from '../graph/index.ts';
import {
  addDims,
  cast,
  concat,
  dim,
  gatherRows,
  input,
  mul,
  mulDims,
  reshape,
  split,
  withGradient,
} from '../graph/index.ts';
import type { Attend, DecoderConfig, DecoderInput, Heads } from '../models/index.ts';
import { causalAttention } from '../models/index.ts';
import type { Sequence } from './engine.ts';
import { responseLength } from './engine.ts';
import type { Feed } from './session.ts';

/** Name of the dimension that counts predicted tokens: those of all responses of a run. */
export const outputsDim = 'outputs';

/** The inputs that describe a run's sequences, traced. */
export interface TracedRun {
  /** Every token of every sequence is a row; the output rows are those whose next token is predicted. */
  readonly input: DecoderInput & { readonly outputRows: Tensor };
  readonly attend: Attend;
  /** int32 [outputs]: the tokens to predict. */
  readonly targets: Tensor;
}

export interface Arrangement {
  /** How many sequences a run takes: so many, or any number that keeps to `rowLimit`. */
  readonly sequences: number | 'any';
  trace(config: DecoderConfig): TracedRun;
  feeds(sequences: readonly Sequence[]): Record<string, Feed>;
  /** Rows that a sequence takes up. */
  rowsOf(sequence: Sequence): number;
}

/** In narrow models the cost of a call shows beside its arithmetic, so one call takes a whole batch. */
export const isNarrow = ({ hiddenSize }: Pick<DecoderConfig, 'hiddenSize'>): boolean => hiddenSize < 256;

/** Most rows of a run that takes any number of sequences, unless a single one has more. */
export const rowLimit = 4096;

/** Into how many blocks a sequence's queries are cut: more skip more of the masked scores. */
export const queryBlocks = 4;

/** The arrangement of runs that take a whole batch, or else of runs of `sequences` sequences. */
export const arrangementFor = (wholeBatches: boolean, sequences = 1): Arrangement =>
  wholeBatches ? gridArrangement() : blockArrangement(sequences, queryBlocks);

/** A fixed number of sequences, one after the other, each cut into blocks of queries (see `causalAttention`). */
export function blockArrangement(count: number, blocks: number): Arrangement {
  const name = (sequence: number, block: number): string => `positions_${sequence}_${block}`;
  // ONNX Runtime leaves products over an empty axis unwritten, so every block has a row. What is added follows
  // the last token, which nothing before it sees.
  const rowsOf = ({ ids }: Sequence): number => Math.max(ids.length, blocks);
  return {
    sequences: count,
    rowsOf,
    trace: (config) => {
      const sizes = Array.from({ length: count }, (_, s) =>
        Array.from({ length: blocks }, (_, b) => dim(`block_${s}_${b}`)),
      );
      const lengths = sizes.map((own) => own.reduce<Dim>(addDims, 0));
      const positions = sizes.map((own, s) => own.map((size, b) => input(name(s, b), 'int32', [size])));
      return {
        input: {
          ids: input('ids', 'int32', [lengths.reduce(addDims)]),
          positions: concat(positions.flat(), 0),
          outputRows: input('rows', 'int32', [dim(outputsDim)]),
        },
        targets: input('targets', 'int32', [dim(outputsDim)]),
        attend: (layer, { query, key, value }) => {
          const [queries, keys, values] = [query, key, value].map((x) => split(x, 0, lengths));
          const outs = positions.map((own, s) => {
            const [q, k, v] = [queries![s]!, keys![s]!, values![s]!];
            const heads: Heads = { query: alone(q), key: alone(k), value: alone(v) };
            return reshape(causalAttention(config, heads, own, config.windows[layer]!), q.shape);
          });
          return concat(outs, 0);
        },
      };
    },
    feeds: (sequences) => ({
      ...tokenFeeds(sequences, rowsOf),
      ...Object.fromEntries(
        sequences.flatMap((sequence, s) => {
          const rows = rowsOf(sequence);
          const positions = Int32Array.from({ length: rows }, (_, i) => i);
          const bounds = Array.from({ length: blocks + 1 }, (_, b) => Math.round((b * rows) / blocks));
          return bounds
            .slice(1)
            .map((end, b) => [
              name(s, b),
              { data: positions.subarray(bounds[b], end), dims: [end - bounds[b]!] },
            ]);
        }),
      ),
    }),
  };
}

/** Any number of sequences, one after the other; for attention alone they are laid out in padded rows. */
export function gridArrangement(): Arrangement {
  const rowsOf = ({ ids }: Sequence): number => ids.length;
  return {
    sequences: 'any',
    rowsOf,
    trace: (config) => {
      const [tokens, batch, longest] = [dim('tokens'), dim('batch'), dim('longest')];
      // Where each cell's token lies, padding naming some token; which cells are real; where each token's cell is; the
      // numbers of the grid's columns.
      const grid = input('grid', 'int32', [batch, longest]);
      const real = input('real', 'float32', [batch, longest, 1]);
      const cells = input('cells', 'int32', [tokens]);
      const columns = input('columns', 'int32', [longest]);
      // Each token has one cell, so either direction's derivative is the other one, padding left out.
      const toGrid = (x: Tensor): Tensor =>
        withGradient([gatherRows(x, grid)], [x], ([g]) => [g ? takeCells(g) : null])[0]!;
      const takeCells = (y: Tensor): Tensor =>
        gatherRows(reshape(y, [mulDims(batch, longest), y.shape[2]!]), cells);
      const fromGrid = (y: Tensor): Tensor =>
        withGradient([takeCells(y)], [y], ([g]) => [
          g ? mul(gatherRows(g, grid), cast(real, g.dtype)) : null,
        ])[0]!;
      return {
        input: {
          ids: input('ids', 'int32', [tokens]),
          positions: input('positions', 'int32', [tokens]),
          outputRows: input('rows', 'int32', [dim(outputsDim)]),
        },
        targets: input('targets', 'int32', [dim(outputsDim)]),
        attend: (layer, { query, key, value }) => {
          const heads: Heads = { query: toGrid(query), key: toGrid(key), value: toGrid(value) };
          return fromGrid(causalAttention(config, heads, [columns], config.windows[layer]!));
        },
      };
    },
    feeds: (sequences) => {
      const longest = Math.max(...sequences.map(rowsOf));
      const tokens = sequences.reduce((sum, sequence) => sum + rowsOf(sequence), 0);
      const [batch, size] = [sequences.length, sequences.length * longest];
      const [grid, real] = [new Int32Array(size), new Float32Array(size)];
      const [cells, positions] = [new Int32Array(tokens), new Int32Array(tokens)];
      let row = 0;
      sequences.forEach(({ ids }, s) => {
        for (let i = 0; i < ids.length; i++, row++) {
          const cell = s * longest + i;
          grid[cell] = row;
          real[cell] = 1;
          cells[row] = cell;
          positions[row] = i;
        }
      });
      return {
        ...tokenFeeds(sequences, rowsOf),
        positions: { data: positions, dims: [tokens] },
        grid: { data: grid, dims: [batch, longest] },
        columns: { data: Int32Array.from({ length: longest }, (_, i) => i), dims: [longest] },
        real: { data: real, dims: [batch, longest, 1] },
        cells: { data: cells, dims: [tokens] },
      };
    },
  };
}

const alone = (x: Tensor): Tensor => reshape(x, [1, ...x.shape]);

/** Token ids [rows], the output rows and their targets [outputs]. */
function tokenFeeds(
  sequences: readonly Sequence[],
  rowsOf: (sequence: Sequence) => number,
): Record<string, Feed> {
  const total = sequences.reduce((sum, sequence) => sum + rowsOf(sequence), 0);
  const outputs = sequences.reduce((sum, sequence) => sum + responseLength(sequence), 0);
  const ids = new Int32Array(total);
  const rows = new Int32Array(outputs);
  const targets = new Int32Array(outputs);
  let [start, next] = [0, 0];
  for (const sequence of sequences) {
    ids.set(sequence.ids, start);
    targets.set(sequence.ids.subarray(sequence.responseStart), next);
    for (let i = sequence.responseStart; i < sequence.ids.length; i++) rows[next++] = start + i - 1;
    start += rowsOf(sequence);
  }
  return {
    ids: { data: ids, dims: [total] },
    rows: { data: rows, dims: [outputs] },
    targets: { data: targets, dims: [outputs] },
  };
}

/** Cuts groups of sequences that belong together into runs. */
export function intoRuns<T>(
  groups: readonly (readonly T[])[],
  arrangement: Arrangement,
  sequenceOf: (item: T) => Sequence,
): T[][] {
  if (arrangement.sequences !== 'any') return groups.map((group) => [...group]);
  const runs: T[][] = [];
  let rows = Infinity;
  for (const group of groups) {
    const own = group.reduce((sum, item) => sum + arrangement.rowsOf(sequenceOf(item)), 0);
    if (rows + own > rowLimit) {
      runs.push([]);
      rows = 0;
    }
    runs.at(-1)!.push(...group);
    rows += own;
  }
  return runs;
}
