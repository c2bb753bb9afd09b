// A thread that reads Parquet's row groups: a damaged file can keep the library at work for ever or have it fill the memory,
// and only a thread can be ended from outside. It is kept for the next file while it is sound. Knows nothing of rows.
import { Worker } from 'node:worker_threads';
import type { FileMetaData } from 'hyparquet';

/** Reads rows `rowStart` (inclusive) to `rowEnd`; rejects with what the library says, or after `patience` milliseconds. */
export interface ParquetThread {
  read(rowStart: number, rowEnd: number, patience: number): Promise<Record<string, unknown>[]>;
  close(): Promise<void>;
}

// Plain text, so that the thread needs no file beside the bundle. hyparquet itself unpacks Snappy; Node has the others,
// Zstandard only in its newer releases. A page unfolds into as many bytes as its header says, and no more.
const source = `
  const { parentPort, workerData } = require('node:worker_threads');
  const zlib = require('node:zlib');
  const bounded = (unpack) => (input, length) => unpack(input, { maxOutputLength: Math.max(1, length) });
  const compressors = { GZIP: bounded(zlib.gunzipSync), BROTLI: bounded(zlib.brotliDecompressSync) };
  if (zlib.zstdDecompressSync) compressors.ZSTD = bounded(zlib.zstdDecompressSync);
  const library = import(workerData.library);
  const reading = new Set();
  const watched = (file) => ({
    byteLength: file.byteLength,
    slice: (...range) => {
      const piece = Promise.resolve(file.slice(...range));
      reading.add(piece);
      piece.catch(() => undefined).finally(() => reading.delete(piece));
      return piece;
    },
  });
  // Where one column is damaged, others are still being read; what comes of them keeps the thread from the next file.
  const over = async () => {
    do {
      await Promise.allSettled(reading);
      await new Promise(setImmediate);
    } while (reading.size > 0);
  };
  let opened;
  parentPort.on('message', async ({ open, range }) => {
    try {
      const { asyncBufferFromFile, parquetReadObjects } = await library;
      if (open) opened = { file: watched(await asyncBufferFromFile(open.path)), metadata: open.metadata };
      parentPort.postMessage({ begins: true });
      parentPort.postMessage({ rows: await parquetReadObjects({ ...opened, compressors, ...range }) });
    } catch (error) {
      const isError = error instanceof Error;
      await over();
      parentPort.postMessage({ problem: isError ? error.message : String(error), plain: isError && error.constructor === Error });
    }
  });
`;

/** What the library says of a file that it cannot read; `plain` where it means the file and not its own program. */
export class ParquetProblem extends Error {
  constructor(
    message: string,
    readonly plain: boolean,
  ) {
    super(message);
  }
}

type Answer =
  | { readonly begins: true }
  | { readonly rows: Record<string, unknown>[] }
  | { readonly problem: string; readonly plain: boolean };

interface Reader {
  readonly worker: Worker;
  /** Bytes of its heap. */
  readonly heap: number;
}

/** A sound thread without work. */
let idle: Reader | null = null;

function takeReader(heap: number): Reader {
  const found = idle;
  idle = null;
  if (found && found.heap >= heap) return found;
  void found?.worker.terminate();
  const worker = new Worker(source, {
    eval: true,
    workerData: { library: import.meta.resolve('hyparquet') },
    execArgv: [],
    resourceLimits: { maxOldGenerationSizeMb: heap / 2 ** 20 },
  });
  worker.unref(); // while it reads, the clock keeps the process
  worker.on('error', () => undefined); // heard by whoever waits
  worker.on('exit', () => {
    if (idle?.worker === worker) idle = null;
  });
  return { worker, heap };
}

/** A thread for the file at `path` whose heap has `heap` bytes, at least. */
export function parquetThread(path: string, metadata: FileMetaData, heap: number): ParquetThread {
  const reader = takeReader(heap);
  const { worker } = reader;
  let open: object | undefined = { path, metadata };
  let isSound = true;
  return {
    read: (rowStart, rowEnd, patience) =>
      new Promise((resolve, reject) => {
        let clock = setInterval(() => undefined, 1 << 30); // keeps the process until the thread has begun
        const end = (): void => {
          clearInterval(clock);
          worker.off('message', hear).off('error', fail);
        };
        const fail = (error: Error): void => {
          end();
          isSound = false;
          reject(error instanceof ParquetProblem ? error : endOf(error));
        };
        const late = (): void => {
          const seconds = Math.round(patience / 1000);
          fail(new ParquetProblem(`no row was read in ${seconds} s`, true));
        };
        const hear = (answer: Answer): void => {
          clearInterval(clock);
          if ('begins' in answer) {
            clock = setTimeout(late, patience);
            return;
          }
          end();
          if ('rows' in answer) resolve(answer.rows);
          else reject(new ParquetProblem(answer.problem, answer.plain));
        };
        worker.on('message', hear).on('error', fail);
        worker.postMessage({ open, range: { rowStart, rowEnd } });
        open = undefined;
      }),
    close: async () => {
      if (isSound && idle === null) idle = reader;
      else await worker.terminate();
    },
  };
}

/** Why a thread ended by itself: its memory was used up, or it could not begin. */
const endOf = (error: NodeJS.ErrnoException): ParquetProblem =>
  new ParquetProblem(
    error.code === 'ERR_WORKER_OUT_OF_MEMORY'
      ? 'its pages unfold into far more than its footer says'
      : error.message,
    true,
  );
