// The sequences that grow side by side: prompts are read into free slots, and every run adds a token to each. Knows
// slots and the cache; what waits outside is the generator's.
//
// What a request gets does not depend on what runs beside it: prompts are read in shapes that the model and the
// request's own length give them, and a step has as many rows as are needed of those that give the same bits (row-counts.ts).
import type { DecoderConfig } from '../models/index.ts';
import { isNarrow } from './arrangement.ts';
import { runFeeds } from './decoding-feeds.ts';
import {
  firstRoom,
  grownRoom,
  narrowPrompts,
  neededRoom,
  pieceLength,
  promptRows,
  roundUp,
} from './decoding-sizes.ts';
import type { Generation } from './engine.ts';
import { createCache } from './key-value-cache.ts';
import type { Fresh, KeyValueCache, Numbers } from './key-value-cache.ts';
import { evenRows, findRows } from './row-counts.ts';
import type { RowCounts } from './row-counts.ts';
import type { EngineModel } from './model.ts';
import { advance, begin, isAborted } from './running.ts';
import type { Running, Waiting } from './running.ts';
import type { Feed, Session } from './session.ts';
import type { Tensor as OrtTensor } from './runtime.ts';

export interface Batch {
  readonly model: Pick<EngineModel, 'config' | 'checkpoint' | 'parameters'>;
  readonly session: Session;
  /** Of requests that name none. */
  readonly endTokens: ReadonlySet<number>;
  readonly slots: (Running | null)[];
  /** A slot for each sequence, and one more where their number is odd. */
  readonly cache: KeyValueCache;
  readonly rowCounts: RowCounts;
  /** The beginning of a prompt has nothing cached before it: the graph reads this instead of the slots. */
  readonly blank: KeyValueCache;
}

export function createBatch(
  model: EngineModel,
  session: Session,
  settings: {
    readonly slots: number;
    readonly endTokens: ReadonlySet<number>;
    readonly rowCounts: RowCounts;
  },
): Batch {
  const { config, checkpoint } = model;
  const { slots, endTokens, rowCounts } = settings;
  const cacheOf = (sequences: number, room: number): KeyValueCache =>
    createCache(config, sequences, room, checkpoint.computeDtype);
  return {
    model,
    session,
    endTokens,
    rowCounts,
    slots: new Array<Running | null>(slots).fill(null),
    cache: cacheOf(evenRows(slots), firstRoom),
    blank: cacheOf(promptRows(config), 1),
  };
}

export const running = ({ slots }: Batch): Running[] => slots.filter((each) => each !== null);

/** Reads the prompts of the first requests of the queue that one run can take into free slots. */
export async function admit(batch: Batch, queue: Waiting[]): Promise<void> {
  const { config } = batch.model;
  const free = batch.slots.flatMap((each, slot) => (each === null ? [slot] : []));
  const first = queue.shift()!;
  const together = isReadTogether(config, first)
    ? [first, ...takeAlike(queue, first, Math.min(free.length, narrowPrompts.rows) - 1)]
    : [first];
  const sequences = together
    .map((waiting, i) => begin(waiting, free[i]!, config.maxPositions))
    .filter((sequence) => {
      batch.slots[sequence.slot] = sequence;
      if (isAborted(sequence)) end(batch, sequence, 'aborted');
      else if (sequence.limit <= 0) end(batch, sequence, 'length');
      else return true;
      return false;
    });
  if (sequences.length === 0) return;
  if (isReadTogether(config, first)) await readTogether(batch, sequences);
  else await readAlone(batch, sequences[0]!);
}

/** One more token for every sequence. */
export async function step(batch: Batch): Promise<void> {
  const { slots, cache, model } = batch;
  for (const sequence of running(batch)) if (isAborted(sequence)) end(batch, sequence, 'aborted');
  const sequences = running(batch);
  if (sequences.length === 0) return;
  makeRoom(batch, 0);
  closeRanks(batch);
  const count = await rowsFor(batch, sequences.length);
  const rows = Array.from({ length: count }, (_, slot) => ({
    ids: Int32Array.of(slots[slot]?.made.at(-1) ?? 0),
    cached: slots[slot]?.cached ?? 0,
  }));
  const feeds = { ...runFeeds(model.config, cache.room, rows, 1), ...cache.feeds(0, count) };
  await run(batch, feeds, async (outputs, logitsOf) => {
    for (const sequence of sequences) {
      cache.write(sequence.slot, sequence.cached, { outputs, row: sequence.slot, fresh: 1, count: 1 });
      sequence.cached++;
    }
    await Promise.all(sequences.map((sequence) => grow(batch, sequence, logitsOf(sequence.slot))));
  });
}

/** Rows of a step of so many sequences, which lie in the first slots. */
function rowsFor({ slots, cache, rowCounts, model, session }: Batch, needed: number): Promise<number> {
  const most = evenRows(slots.length);
  let scribbled = 0;
  return findRows(rowCounts, { needed, most, cache }, async (count) => {
    // All slots are run after fewer, and are looked at as far as those are.
    for (; scribbled < count && count < most; scribbled++) {
      cache.scribble(scribbled, slots[scribbled]?.cached ?? 0);
    }
    const rows = Array.from({ length: count }, (_, slot) => ({
      ids: Int32Array.of((slot + 1) % model.config.vocabSize),
      cached: cache.room,
    }));
    const feeds = { ...runFeeds(model.config, cache.room, rows, 1), ...cache.feeds(0, count) };
    const outputs = await session.runKeeping({ ...model.parameters, ...feeds });
    const tensors = Object.values(outputs);
    return {
      values: tensors.map(numbersOf),
      dispose: () => tensors.forEach((tensor) => tensor.dispose()),
    };
  });
}

/** Moves the last sequences into slots that have become free before them. */
function closeRanks({ slots, cache }: Batch): void {
  for (;;) {
    const free = slots.indexOf(null);
    const last = slots.findLastIndex((each) => each !== null);
    if (free < 0 || free > last) return;
    const sequence = slots[last]!;
    cache.move(last, free, sequence.cached);
    sequence.slot = free;
    [slots[free], slots[last]] = [sequence, null];
  }
}

/** Rejects every request that is running. */
export function fail(batch: Batch, error: unknown): void {
  for (const { slot, waiting } of running(batch)) {
    batch.slots[slot] = null;
    waiting.reject(error);
  }
}

/** Whether a prompt is read beside others of its padded length. */
const isReadTogether = (config: DecoderConfig, { request }: Waiting): boolean =>
  isNarrow(config) && request.prompt.length <= pieceLength;

const paddedLength = ({ request }: Waiting): number => roundUp(request.prompt.length, narrowPrompts.tokens);

/** Takes up to `most` requests whose prompts are read as the first one's out of the queue. */
function takeAlike(queue: Waiting[], first: Waiting, most: number): Waiting[] {
  const length = paddedLength(first);
  const taken: Waiting[] = [];
  for (let i = 0; i < queue.length && taken.length < most;) {
    if (paddedLength(queue[i]!) === length) taken.push(...queue.splice(i, 1));
    else i++;
  }
  return taken;
}

/** Reads a prompt piece by piece into its slot. */
async function readAlone(batch: Batch, sequence: Running): Promise<void> {
  const { cache, blank, model } = batch;
  const { prompt } = sequence.waiting.request;
  makeRoom(batch, prompt.length + 1);
  while (sequence.cached < prompt.length) {
    if (isAborted(sequence)) return end(batch, sequence, 'aborted');
    const piece = prompt.subarray(sequence.cached, sequence.cached + pieceLength);
    const at = sequence.cached;
    const [before, slot] = at === 0 ? [blank, 0] : [cache, sequence.slot];
    const feeds = runFeeds(model.config, before.room, [{ ids: piece, cached: at }], piece.length);
    await run(batch, { ...feeds, ...before.feeds(slot, 1) }, async (outputs, logitsOf) => {
      const { length } = piece;
      cache.write(sequence.slot, at, { outputs, row: 0, fresh: length, count: length });
      sequence.cached += length;
      if (sequence.cached === prompt.length) await grow(batch, sequence, logitsOf(0));
    });
  }
}

/** Reads short prompts of one padded length side by side. */
async function readTogether(batch: Batch, sequences: readonly Running[]): Promise<void> {
  const { cache, blank, model } = batch;
  const fresh = paddedLength(sequences[0]!.waiting);
  makeRoom(batch, fresh + 1);
  const rows = Array.from({ length: narrowPrompts.rows }, (_, i) => ({
    ids: sequences[i]?.waiting.request.prompt ?? new Int32Array(1),
    cached: 0,
  }));
  const feeds = { ...runFeeds(model.config, blank.room, rows, fresh), ...blank.feeds(0, rows.length) };
  await run(batch, feeds, async (outputs, logitsOf) => {
    for (const [row, sequence] of sequences.entries()) {
      const count = sequence.waiting.request.prompt.length;
      cache.write(sequence.slot, 0, { outputs, row, fresh, count });
      sequence.cached = count;
    }
    await Promise.all(sequences.map((sequence, row) => grow(batch, sequence, logitsOf(row))));
  });
}

/** Chooses the next token, tells of it, and ends the sequence where it ends. */
async function grow(batch: Batch, sequence: Running, logits: Float32Array): Promise<void> {
  try {
    const finish = await advance(sequence, logits, batch.endTokens);
    if (finish !== null) end(batch, sequence, finish);
  } catch (error) {
    batch.slots[sequence.slot] = null;
    batch.cache.clear(sequence.slot); // what is not finite would reach whoever comes next, even unseen
    sequence.waiting.reject(error);
  }
}

function end({ slots }: Batch, { waiting, slot, made }: Running, finish: Generation['finish']): void {
  slots[slot] = null;
  waiting.resolve({ ids: Int32Array.from(made), finish });
}

function makeRoom(batch: Batch, needed: number): void {
  const { cache } = batch;
  const most = Math.max(needed, ...running(batch).map(({ cached }) => cached + 1));
  const wanted = neededRoom(most);
  // A cache that is far too long makes every step slower.
  if (wanted > cache.room) cache.resize(grownRoom(wanted));
  else if (2 * wanted < cache.room) cache.resize(wanted);
}

/** Runs the graph and gives its outputs, and the logits of its rows, to `use`; they are gone afterwards. */
async function run(
  { session, model: { config, parameters } }: Batch,
  feeds: Readonly<Record<string, Feed>>,
  use: (fresh: Fresh, logitsOf: (row: number) => Float32Array) => Promise<void>,
): Promise<void> {
  const outputs = await session.runKeeping({ ...parameters, ...feeds });
  try {
    const valuesOf: Fresh = (name) => numbersOf(outputs[name]!);
    const logits = valuesOf('logits') as Float32Array;
    const width = config.vocabSize;
    await use(valuesOf, (row) => logits.subarray(row * width, (row + 1) * width));
  } finally {
    for (const output of Object.values(outputs)) output.dispose();
  }
}

/** Newer versions of Node have an array of halves; their bits are what the cache keeps. */
function numbersOf({ data, type }: OrtTensor): Numbers {
  const { buffer, byteOffset, length } = data as Numbers;
  return type === 'float16' ? new Uint16Array(buffer, byteOffset, length) : (data as Float32Array);
}
