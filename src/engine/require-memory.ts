// Whether work fits into memory, said before it begins, and which settings would make it fit. Knows estimates and what there
// is; it does not know what the work is for.
import { WhetstoneError } from '../errors.ts';
import type { FewBits } from '../models/index.ts';
import { bytesInWords } from '../words/numbers.ts';
import { option } from '../words/option.ts';
import { availableMemory, ownMemory } from './available-memory.ts';
import type { AvailableMemory } from './available-memory.ts';
import type { Engine, MemoryParts, Sequence, Work } from './engine.ts';
import { responseLength } from './engine.ts';
import { bytesOf } from './memory.ts';

/** What there is to know of an engine before it works, also when it is closed again. */
export type Estimating = Pick<Engine, 'estimateMemory' | 'describe'>;

export interface MemoryDemand {
  /** For messages: "this run". */
  readonly what?: string;
  /** Bytes that another model holds at the same time. */
  readonly beside?: number;
  /** Whether the caller has these settings, so that they can be advised. */
  readonly advises: readonly ('baseDtype' | 'cutoffLen' | 'slots')[];
  /** What there is, for tests to choose. */
  readonly memory?: () => Promise<AvailableMemory>;
}

/** Bytes: the estimated peak, and what this process may use. */
export interface MemoryFit {
  readonly peak: number;
  readonly available: number;
}

/** What this process may use, what it holds already among it. */
export async function usableMemory(): Promise<AvailableMemory> {
  const available = await availableMemory();
  return { ...available, bytes: available.bytes + (await ownMemory()) };
}

/** Work with sequences of these lengths, at its largest: the longest one, or the one with the longest response. */
export function longestWork(kind: 'train' | 'score', sequences: readonly Sequence[]): Work[] {
  const sizes = sequences.map((sequence) => ({
    tokens: sequence.ids.length,
    responseTokens: responseLength(sequence),
  }));
  if (sizes.length === 0) return [];
  const longest = sizes.reduce((a, b) => (b.tokens > a.tokens ? b : a));
  const longestResponse = sizes.reduce((a, b) => (b.responseTokens > a.responseTokens ? b : a));
  return [longest, longestResponse].map((size) => ({ kind, ...size }));
}

/** Sequences that are not long, in tokens: what takes no longer ones is of no use. */
export const shortContext = 512;

/** Bytes of a model that answers with such sequences in all slots, without those of the program. */
export function answeringBytes(engine: Estimating): number {
  const tokens = Math.min(shortContext, engine.describe().maxPositions);
  const parts = engine.estimateMemory({ kind: 'generate', promptTokens: tokens - 1, tokens });
  return bytesOf({ ...parts, runtime: 0 });
}

/** The most tokens from `least`, which fit, to `most` that still fit, to an eighth of a short context. */
export function longestThatFits(least: number, most: number, fits: (tokens: number) => boolean): number {
  if (fits(most)) return most;
  let [low, high] = [least, most];
  while (high - low > shortContext / 8) {
    const middle = Math.floor((low + high) / 2);
    if (fits(middle)) low = middle;
    else high = middle;
  }
  return low;
}

/** Throws WhetstoneError `NOT_ENOUGH_MEMORY`, with settings under which the work would fit, where some are found. */
export async function requireMemory(
  engine: Estimating,
  works: readonly Work[],
  { what = 'this run', beside = 0, advises, memory = usableMemory }: MemoryDemand,
): Promise<MemoryFit> {
  const { bytes: available, limitedBy } = await memory();
  const largest = largestOf(engine, works);
  const peak = beside + bytesOf(largest);
  if (peak <= available) return { peak, available };
  const advice = settingsThatFit(engine, works, available - beside, advises);
  const fits =
    advice.length === 0 ? '' : `It would fit with ${advice.join(', or with ')}. ${otherwise('Otherwise c')}`;
  throw new WhetstoneError(
    'NOT_ENOUGH_MEMORY',
    `${what} needs about ${bytesInWords(peak)} at its peak (${inParts(largest, beside)}), and ${limitedBy} has ${bytesInWords(available)} left`,
    { hint: fits || otherwise('C') },
  );
}

/** Share of an estimate that turned out to be too much that other settings must stay below. */
const clearlyLess = 0.8;

/** Settings that take clearly less, where work ran out of memory although it was estimated to fit. */
export async function settingsWithLess(
  engine: Estimating,
  works: readonly Work[],
  advises: MemoryDemand['advises'],
): Promise<string[]> {
  const { bytes } = await usableMemory();
  const room = Math.min(bytes, clearlyLess * bytesOf(largestOf(engine, works)));
  return settingsThatFit(engine, works, room, advises);
}

const otherwise = (begin: string): string =>
  `${begin}lose other programs, or use a smaller model or a larger machine.`;

function largestOf(engine: Estimating, works: readonly Work[], baseDtype?: FewBits): MemoryParts {
  return works
    .map((work) => engine.estimateMemory(work, baseDtype))
    .reduce((most, each) => (bytesOf(each) > bytesOf(most) ? each : most));
}

const partNames: Readonly<Record<keyof MemoryParts, string>> = {
  weights: 'weights',
  state: 'what is trained and its optimizer',
  activations: 'activations',
  head: 'logits',
  cache: 'keys and values',
  runtime: 'the program',
};

/** The parts that matter, largest first. */
function inParts(parts: MemoryParts, beside: number): string {
  const named = (Object.entries(parts) as [keyof MemoryParts, number][]).map(
    ([part, bytes]): [string, number] => [partNames[part], bytes],
  );
  const all: [string, number][] = [...named, ['the other model', beside]];
  const total = all.reduce((sum, [, bytes]) => sum + bytes, 0);
  return all
    .filter(([, bytes]) => bytes >= 0.03 * total)
    .sort(([, a], [, b]) => b - a)
    .map(([name, bytes]) => `${name} ${bytesInWords(bytes)}`)
    .join(', ');
}

/** Shortest rows that are advised, and what advised lengths are multiples of, in tokens. */
const shortStep = 64;

/** Each alone where that does; else the fewest bits with the others. */
function settingsThatFit(
  engine: Estimating,
  works: readonly Work[],
  room: number,
  advises: MemoryDemand['advises'],
): string[] {
  const fits = (some: readonly Work[], dtype?: FewBits): boolean =>
    bytesOf(largestOf(engine, some, dtype)) <= room;
  const { fewerBits = [], slots } = engine.describe();
  const bits = advises.includes('baseDtype') ? fewerBits : [];
  const smaller = (dtype?: FewBits): string[] => [
    ...(advises.includes('cutoffLen') ? shorterRows(works, (some) => fits(some, dtype)) : []),
    ...(advises.includes('slots') ? fewerSlots(works, slots, (some) => fits(some, dtype)) : []),
  ];
  const inBits = (dtype: FewBits): string => `${option('baseDtype')} ${dtype}`;
  const alone = [...bits.filter((dtype) => fits(works, dtype)).map(inBits), ...smaller()];
  const fewest = bits.at(-1);
  if (alone.length > 0 || fewest === undefined) return alone;
  return smaller(fewest).map((other) => `${inBits(fewest)} and ${other}`);
}

/** Prompts may lose their beginning, responses stay whole. */
function shorterRows(works: readonly Work[], fits: (works: readonly Work[]) => boolean): string[] {
  const lengths = works.map((work) => (work.kind === 'generate' ? 0 : work.tokens));
  const cut = (most: number): Work[] =>
    works.map((work) =>
      work.kind === 'generate'
        ? work
        : { ...work, tokens: Math.min(work.tokens, Math.max(most, work.responseTokens + 1)) },
    );
  const responses = works.map((work) => (work.kind === 'generate' ? 0 : work.responseTokens));
  const least = Math.ceil((Math.max(...responses) + 1) / shortStep);
  let [low, high] = [least - 1, Math.ceil(Math.max(...lengths) / shortStep)];
  // What fits grows with what is left of the rows.
  while (high - low > 1) {
    const middle = Math.floor((low + high) / 2);
    if (fits(cut(middle * shortStep))) low = middle;
    else high = middle;
  }
  return low < least || low === 0 ? [] : [`${option('cutoffLen')} ${low * shortStep}`];
}

function fewerSlots(
  works: readonly Work[],
  slots: number | undefined,
  fits: (works: readonly Work[]) => boolean,
): string[] {
  const isGenerating = works.some(({ kind }) => kind === 'generate');
  for (let count = Math.floor((slots ?? 1) / 2); isGenerating && count >= 1; count = Math.floor(count / 2)) {
    const fewer = works.map((work) => (work.kind === 'generate' ? { ...work, slots: count } : work));
    if (fits(fewer)) return [`${option('slots')} ${count}`];
  }
  return [];
}
