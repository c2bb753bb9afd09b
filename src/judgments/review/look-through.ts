// Reads a file row by row, looks at each, counts its tokens; in short stretches, so that whoever shares the process has
// turns in between. Knows no decisions.
import { setImmediate as turn } from 'node:timers/promises';
import { WhetstoneError, briefly } from '../../errors.ts';
import { codePointLength } from '../../rows/unicode.ts';
import { suspicionFinder } from '../findings.ts';
import type { Finding } from '../findings.ts';
import { longestOf } from '../lengths.ts';
import { measureTriplet } from '../check.ts';
import type { CheckOptions } from '../check.ts';
import type { OpenTriplets } from '../read.ts';
import type { Triplet } from '../triplet.ts';
import { conversationText } from '../../rows/conversation.ts';
import { entriesOf, found } from './entry.ts';
import type { Entry } from './entry.ts';

/** What counts tokens, and which lengths are too much. */
export type Measure = Pick<CheckOptions, 'cutoffLength' | 'maxPositions' | 'vocabSize'> &
  Required<Pick<CheckOptions, 'tokenLengths'>>;

export type Phase = 'reading' | 'checking' | 'measuring' | 'ready';

export interface Progress {
  readonly phase: Phase;
  /** Bytes while it is read, then rows. */
  readonly done: number;
  readonly total: number;
}

export interface Looked {
  /** Grows while the file is read; the place of an entry stays. */
  readonly entries: readonly Entry[];
  rows(): number;
  layout(): string | null;
  progress(): Progress;
  /** Whether all rows are there. */
  isRead(): boolean;
  /** Why the file cannot be read to its end, or its tokens not be counted. */
  problem(): string | null;
  /** Of the longest sequence in tokens, or of all texts in code points; in no order. */
  lengths(): { readonly unit: 'tokens' | 'characters'; readonly values: readonly number[] };
  /** Null before it is known, and where characters are counted. */
  measure(): Measure | null;
  /** Ends it wherever it is. */
  stop(): Promise<void>;
}

export interface LookOptions {
  /** Filled with what is read. */
  readonly entries: Entry[];
  readonly bytes: number;
  readonly bytesRead: () => number;
  /** What counts tokens; null counts characters. It is opened once the rows have been looked at. */
  readonly measure: (() => Promise<Measure>) | null;
  /** Hears of each entry as it is there, and whenever more is found in it. */
  readonly onEntry: (at: number) => void;
  readonly onChange: () => void;
}

/** Milliseconds of work between two turns of the event loop. */
const stretch = 12;
/** So many rows are looked at before the rest of the file is read: those that are seen first. */
const seenFirst = 500;
/** Milliseconds between two reports of how far it is. */
const pause = 200;

export function lookThrough({ rows }: OpenTriplets, options: LookOptions): Looked {
  const { entries, bytes, bytesRead, onEntry, onChange } = options;
  const characters: number[] = [];
  const tokens: number[] = [];
  const suspicions = suspicionFinder();
  let progress: Progress = { phase: 'reading', done: 0, total: bytes };
  let rowCount = 0;
  let layout: string | null = null;
  let isRead = false;
  let problem: string | null = null;
  let measure: Measure | null = null;
  let stopped = false;
  let worked = performance.now();
  let tellAt = 0;

  /** Lets others have a turn where it is time for that. */
  const breathe = async (now: Progress): Promise<void> => {
    progress = now;
    if (performance.now() - worked < stretch) return;
    if (performance.now() >= tellAt) {
      const began = performance.now();
      onChange();
      // Whoever is told may have much to do with it: the work goes on for most of the time all the same.
      tellAt = performance.now() + Math.max(pause, 5 * (performance.now() - began));
    }
    await turn();
    worked = performance.now();
  };

  const add = (at: number, findings: readonly Finding[]): void => {
    if (findings.length === 0) return;
    found(entries[at]!, findings);
    onEntry(at);
  };

  let checked = 0;
  const checkNext = (): void => {
    const at = checked++;
    const entry = entries[at]!;
    const { triplet } = entry;
    if (triplet === null) return;
    characters.push(charactersOf(triplet));
    add(at, suspicions(triplet));
  };

  const read = async (): Promise<void> => {
    for await (const row of rows) {
      if (stopped) return;
      rowCount++;
      layout = row.layout;
      for (const entry of entriesOf(row)) onEntry(entries.push(entry) - 1);
      if (checked < seenFirst && checked < entries.length) checkNext();
      await breathe({ phase: 'reading', done: bytesRead(), total: bytes });
    }
    isRead = true;
  };
  const check = async (): Promise<void> => {
    while (checked < entries.length && !stopped) {
      checkNext();
      await breathe({ phase: 'checking', done: checked, total: entries.length });
    }
  };
  const count = async (open: () => Promise<Measure>): Promise<void> => {
    progress = { phase: 'measuring', done: 0, total: entries.length };
    onChange();
    const how = await open();
    measure = how;
    for (const [i, entry] of entries.entries()) {
      if (stopped) return;
      if (entry.triplet === null) continue;
      const { length, found: findings } = await measureTriplet(entry.triplet, how);
      if (length !== null) tokens.push(Math.max(0, longestOf(length)));
      add(i, findings);
      await breathe({ phase: 'measuring', done: i + 1, total: entries.length });
    }
  };
  const work = (async () => {
    try {
      await read();
      await check();
      if (options.measure !== null && !stopped) await count(options.measure);
    } catch (error) {
      problem = error instanceof WhetstoneError ? briefly(error) : String(error);
      // What has been read of a file that ends badly is looked at all the same.
      await check();
    } finally {
      progress = { phase: 'ready', done: entries.length, total: entries.length };
      if (!stopped) onChange();
    }
  })();

  return {
    entries,
    rows: () => rowCount,
    layout: () => layout,
    progress: () => progress,
    isRead: () => isRead,
    problem: () => problem,
    lengths: () =>
      measure === null ? { unit: 'characters', values: characters } : { unit: 'tokens', values: tokens },
    measure: () => measure,
    stop: async () => {
      stopped = true;
      await work;
    },
  };
}

const charactersOf = (triplet: Triplet): number =>
  codePointLength(conversationText(triplet)) +
  codePointLength(triplet.output) +
  codePointLength(triplet.judgment ?? '');
