// Continuous batching: prompts are read into free slots, all slots grow by a token a run, and a sequence that ends
// makes room for the next at once. Knows token ids; stop strings and text are the caller's.
//
// What a request gets does not depend on what runs beside it: every run has the shape that the model and the
// request's own length give it, slots without a sequence included, so that each row meets the same kernels.
import type { Tensor as OrtTensor } from 'onnxruntime-node';
import { WhetstoneError } from '../errors.ts';
import type { Checkpoint, DecoderConfig, Trainable } from '../models/index.ts';
import type { Random } from '../random.ts';
import { createRandom } from '../random.ts';
import { isNarrow } from './arrangement.ts';
import { chooseToken, penalizeRepetition, withLogProbs } from './choose-token.ts';
import { biasName, traceDecoding } from './decoding-graph.ts';
import type { GeneratedToken, Generation, GenerationRequest } from './engine.ts';
import { createCache } from './key-value-cache.ts';
import type { Fresh } from './key-value-cache.ts';
import type { Feed, Session } from './session.ts';
import { compile } from './session.ts';

/** A request and who waits for it. */
export interface Waiting {
  readonly request: GenerationRequest;
  readonly resolve: (generation: Generation) => void;
  readonly reject: (error: unknown) => void;
}

export interface Generator {
  /**
   * Works until `queue` is empty and every request in it has been answered. Requests may be added to its end
   * meanwhile. Rejects with what went wrong in a run; the requests have then been rejected too.
   */
  work(queue: Waiting[], parameters: Readonly<Record<string, Feed>>): Promise<void>;
  release(): Promise<void>;
}

export interface GeneratorSettings {
  readonly threads: number;
  readonly prepack: boolean;
  readonly endTokens: ReadonlySet<number>;
  /** Sequences that run side by side. */
  readonly slots: number;
}

/** Sequences side by side where nobody asks for another number; each costs memory for its cache. */
export const usualSlots = (config: DecoderConfig): number => (isNarrow(config) ? 64 : 8);

/** Prompts of narrow models are read so many at a time, padded to a multiple of so many tokens. */
const narrowPrompts = { rows: 16, tokens: 16 } as const;
/** Longest piece of a prompt that one run reads. */
const pieceLength = 512;
/** Slots grow by so many tokens; a multiple of what the softmax kernel takes at a time. */
const roomStep = 64;

export async function openGenerator(
  config: DecoderConfig,
  checkpoint: Checkpoint,
  trainable: Trainable,
  { threads, prepack, endTokens, slots }: GeneratorSettings,
): Promise<Generator> {
  const settings = { root: checkpoint.root, threads, prepack };
  const session = await compile(traceDecoding(config, checkpoint, trainable), settings);
  return {
    work: async (queue, parameters) => {
      const batch = createBatch(config, session, parameters, endTokens, slots);
      try {
        while (queue.length > 0 || batch.active() > 0) {
          while (queue.length > 0 && batch.active() < slots) await batch.admit(queue);
          await batch.step();
        }
      } catch (error) {
        batch.fail(error);
        for (const { reject } of queue.splice(0)) reject(error);
        throw error;
      }
    },
    release: () => session.release(),
  };
}

/** A sequence in its slot. */
interface Running {
  readonly waiting: Waiting;
  readonly slot: number;
  readonly random: Random;
  readonly made: number[];
  /** Tokens that a penalty for repetition falls on; null without one. */
  readonly seen: Set<number> | null;
  /** Tokens in the cache. */
  cached: number;
  readonly limit: number;
}

interface Batch {
  active(): number;
  /** Reads the prompts of the first requests of the queue that one run can take into free slots. */
  admit(queue: Waiting[]): Promise<void>;
  /** One more token for every sequence. */
  step(): Promise<void>;
  /** Rejects every request that is running. */
  fail(error: unknown): void;
}

function createBatch(
  config: DecoderConfig,
  session: Session,
  parameters: Readonly<Record<string, Feed>>,
  endTokens: ReadonlySet<number>,
  slots: number,
): Batch {
  const running = new Array<Running | null>(slots).fill(null);
  const cache = createCache(config, slots, roomStep);
  const narrow = isNarrow(config);
  // The beginning of a prompt has nothing cached before it: the graph reads this instead of the slots.
  const blank = createCache(config, narrow ? narrowPrompts.rows : 1, 1);
  const present = (): Running[] => running.filter((each) => each !== null);

  /** Where a prompt of narrow models is padded to, and with which others it is read. */
  const paddedLength = ({ length }: Int32Array): number =>
    narrow && length <= pieceLength ? roundUp(length, narrowPrompts.tokens) : length;

  const begin = (waiting: Waiting, slot: number): Running => {
    const { prompt, sampling } = waiting.request;
    const sequence: Running = {
      ...{ waiting, slot, made: [], cached: 0 },
      random: createRandom(sampling.seed ?? 0),
      seen: (sampling.repetitionPenalty ?? 1) === 1 ? null : new Set(prompt),
      limit: Math.min(sampling.maxNewTokens, config.maxPositions - prompt.length),
    };
    running[slot] = sequence;
    return sequence;
  };

  const end = ({ waiting, slot, made }: Running, finish: Generation['finish']): void => {
    running[slot] = null;
    waiting.resolve({ ids: Int32Array.from(made), finish });
  };

  const makeRoom = (needed: number): void => {
    const most = Math.max(needed, ...present().map(({ cached }) => cached + 1));
    const wanted = roundUp(most, roomStep);
    // A cache that is far too long makes every step slower; one that is a little too long saves moving it.
    if (wanted > cache.room) cache.resize(roundUp(Math.ceil(1.25 * wanted), roomStep));
    else if (2 * wanted < cache.room) cache.resize(wanted);
  };

  /** Runs the graph and gives its outputs to `use`; they are gone afterwards. */
  const run = async (
    feeds: Readonly<Record<string, Feed>>,
    use: (fresh: Fresh, logits: Float32Array) => Promise<void>,
  ): Promise<void> => {
    const outputs: Record<string, OrtTensor> = await session.runKeeping({ ...parameters, ...feeds });
    try {
      await use((name) => outputs[name]!.data as Float32Array, outputs.logits!.data as Float32Array);
    } finally {
      for (const output of Object.values(outputs)) output.dispose();
    }
  };

  const rowOf = (logits: Float32Array, row: number): Float32Array =>
    logits.subarray(row * config.vocabSize, (row + 1) * config.vocabSize);

  /** Chooses the next token, tells of it, and ends the sequence where it ends. */
  const advance = async (sequence: Running, logits: Float32Array): Promise<void> => {
    const { request } = sequence.waiting;
    try {
      if (request.signal?.aborted) return end(sequence, 'aborted');
      const token = nextToken(sequence, logits);
      sequence.made.push(token.id);
      sequence.seen?.add(token.id);
      const stopped = (await request.onToken?.(token)) === true;
      if (endTokens.has(token.id)) end(sequence, 'end');
      else if (stopped) end(sequence, 'stopped');
      else if (sequence.made.length >= sequence.limit) end(sequence, 'length');
      else if (request.signal?.aborted) end(sequence, 'aborted');
    } catch (error) {
      running[sequence.slot] = null;
      cache.clear(sequence.slot); // what is not finite would reach whoever comes next, even unseen
      sequence.waiting.reject(error);
    }
  };

  /** Reads a prompt piece by piece into its slot. */
  const readAlone = async (sequence: Running): Promise<void> => {
    const { prompt, signal } = sequence.waiting.request;
    makeRoom(prompt.length + 1);
    while (sequence.cached < prompt.length) {
      if (signal?.aborted) return end(sequence, 'aborted');
      const piece = prompt.subarray(sequence.cached, sequence.cached + pieceLength);
      const at = sequence.cached;
      const [before, slot] = at === 0 ? [blank, 0] : [cache, sequence.slot];
      const feeds = runFeeds(config, before.room, [{ ids: piece, cached: at }], piece.length);
      await run({ ...feeds, ...before.feeds(slot) }, async (outputs, logits) => {
        const { length } = piece;
        cache.write(sequence.slot, at, { outputs, row: 0, fresh: length, count: length });
        sequence.cached += piece.length;
        if (sequence.cached === prompt.length) await advance(sequence, logits);
      });
    }
  };

  /** Reads short prompts of one padded length side by side. */
  const readTogether = async (sequences: readonly Running[]): Promise<void> => {
    const fresh = paddedLength(sequences[0]!.waiting.request.prompt);
    makeRoom(fresh + 1);
    const rows = Array.from({ length: narrowPrompts.rows }, (_, i) => ({
      ids: sequences[i]?.waiting.request.prompt ?? new Int32Array(1),
      cached: 0,
    }));
    const feeds = { ...runFeeds(config, blank.room, rows, fresh), ...blank.feeds() };
    await run(feeds, async (outputs, logits) => {
      for (const [row, sequence] of sequences.entries()) {
        const count = sequence.waiting.request.prompt.length;
        cache.write(sequence.slot, 0, { outputs, row, fresh, count });
        sequence.cached = count;
      }
      await Promise.all(sequences.map((sequence, row) => advance(sequence, rowOf(logits, row))));
    });
  };

  return {
    active: () => present().length,

    admit: async (queue) => {
      const free = running.flatMap((each, slot) => (each === null ? [slot] : []));
      const first = queue.shift()!;
      const length = paddedLength(first.request.prompt);
      const together = [first];
      if (narrow && length <= pieceLength) {
        const most = Math.min(free.length, narrowPrompts.rows);
        for (let i = 0; i < queue.length && together.length < most;) {
          if (paddedLength(queue[i]!.request.prompt) === length) together.push(...queue.splice(i, 1));
          else i++;
        }
      }
      const sequences = together
        .map((waiting, i) => begin(waiting, free[i]!))
        .filter((sequence) => {
          if (sequence.waiting.request.signal?.aborted) end(sequence, 'aborted');
          else if (sequence.limit <= 0) end(sequence, 'length');
          else return true;
          return false;
        });
      if (sequences.length === 0) return;
      if (narrow && length <= pieceLength) await readTogether(sequences);
      else await readAlone(sequences[0]!);
    },

    step: async () => {
      for (const sequence of present()) {
        if (sequence.waiting.request.signal?.aborted) end(sequence, 'aborted');
      }
      const sequences = present();
      if (sequences.length === 0) return;
      makeRoom(0);
      const rows = running.map((sequence) => ({
        ids: Int32Array.of(sequence?.made.at(-1) ?? 0),
        cached: sequence?.cached ?? 0,
      }));
      const feeds = { ...runFeeds(config, cache.room, rows, 1), ...cache.feeds() };
      await run(feeds, async (outputs, logits) => {
        for (const sequence of sequences) {
          cache.write(sequence.slot, sequence.cached, { outputs, row: sequence.slot, fresh: 1, count: 1 });
          sequence.cached++;
        }
        await Promise.all(sequences.map((sequence) => advance(sequence, rowOf(logits, sequence.slot))));
      });
    },

    fail: (error) => {
      for (const { slot, waiting } of present()) {
        running[slot] = null;
        waiting.reject(error);
      }
    },
  };
}

const roundUp = (n: number, step: number): number => Math.ceil(n / step) * step;

function nextToken({ waiting, random, seen }: Running, logits: Float32Array): GeneratedToken {
  const { sampling, topLogProbs } = waiting.request;
  const own = topLogProbs !== undefined && seen ? logits.slice() : logits;
  if (seen) penalizeRepetition(logits, seen, sampling.repetitionPenalty!);
  const id = chooseToken(logits, sampling, random);
  if (!Number.isFinite(logits[id])) {
    throw new WhetstoneError('NON_FINITE_LOGITS', 'the model gives no token a finite logit', {
      hint: 'Its weights or its adapter may be damaged.',
    });
  }
  return topLogProbs === undefined ? { id, logProb: NaN, top: [] } : withLogProbs(own, id, topLogProbs);
}

/** The tokens that a run reads of one sequence: `ids`, behind `cached` others. */
interface RunRow {
  readonly ids: Int32Array;
  readonly cached: number;
}

/** All inputs but the cache. Rows with fewer than `fresh` tokens are padded on the right, where nobody looks. */
function runFeeds(
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
