// Whether what a file unfolds into has room in the heap, asked before it is read and while it grows: a file of a megabyte
// may hold millions of rows, and a process that runs out of heap is aborted without a word. Knows no format.
import { getHeapStatistics } from 'node:v8';
import { WhetstoneError } from '../errors.ts';
import { thousands } from '../words/numbers.ts';

/** Bytes: the most that JavaScript may hold in this process, and what it holds. */
export interface Heap {
  readonly limit: number;
  readonly used: number;
}

export const heapNow = (): Heap => {
  const { heap_size_limit: limit, used_heap_size: used } = getHeapStatistics();
  return { limit, used };
};

// The rest is for what is made of the rows, and for garbage.
const usable = 0.8;
// Garbage counts as used until it is collected; so rows that grow are refused only where they alone are many, too.
const filled = 0.6;
const many = 0.25;
const row = 300;

/** Throws WhetstoneError `FILE_TOO_LARGE` if `bytes` more have no room; `holds` says what of: "30,000,000 rows". */
export function requireRoom(bytes: number, holds: string, file: string, heap: Heap = heapNow()): void {
  if (bytes > usable * heap.limit - heap.used) throw tooLarge(holds, file, bytes, heap);
}

/**
 * The rows as they come; `text` tells how many characters of text were read for them. Throws `FILE_TOO_LARGE` when
 * what was made of those that were handed on leaves too little of the heap for everything that follows.
 */
export async function* withinHeap<T>(
  rows: AsyncIterable<T> | Iterable<T>,
  file: string,
  { text = () => 0, heap = heapNow }: { readonly text?: () => number; readonly heap?: () => Heap } = {},
): AsyncGenerator<T> {
  let count = 0;
  for await (const each of rows) {
    yield each;
    if (++count % 1024 !== 0) continue;
    const now = heap();
    if (now.used > filled * now.limit && row * count + text() > many * now.limit)
      throw tooLarge(`${thousands(count)} rows and more`, file, null, now);
  }
}

function tooLarge(holds: string, file: string, bytes: number | null, { limit }: Heap): WhetstoneError {
  const megabytes = (amount: number): string => `${thousands(Math.ceil(amount / 2 ** 20))} MiB`;
  const need = bytes === null ? 'do not fit' : `need about ${megabytes(bytes)}, which does not fit`;
  return new WhetstoneError(
    'FILE_TOO_LARGE',
    `${holds} ${need} into the ${megabytes(limit)} that JavaScript may use`,
    {
      file,
      hint:
        'Split the file, or leave out the columns that are not needed. If it should be that large, allow more memory ' +
        'with NODE_OPTIONS=--max-old-space-size=MEGABYTES.',
    },
  );
}
