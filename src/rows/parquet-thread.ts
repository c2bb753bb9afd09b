// A thread that reads Parquet's row groups: a damaged file can keep the library at work for ever, and only a thread can be
// ended from outside. Knows nothing of rows.
import { getHeapStatistics } from 'node:v8';
import { Worker } from 'node:worker_threads';
import type { FileMetaData } from 'hyparquet';

/** Reads rows `rowStart` (inclusive) to `rowEnd`; rejects with what the library says, or `TimeoutError` after so many ms. */
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
  const opened = import(workerData.library).then(async ({ asyncBufferFromFile, parquetReadObjects }) => {
    const file = await asyncBufferFromFile(workerData.path);
    return (range) => parquetReadObjects({ file, metadata: workerData.metadata, compressors, ...range });
  });
  parentPort.on('message', async (range) => {
    try {
      parentPort.postMessage({ rows: await (await opened)(range) });
    } catch (error) {
      const isError = error instanceof Error;
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
  { readonly rows: Record<string, unknown>[] } | { readonly problem: string; readonly plain: boolean };

export function parquetThread(path: string, metadata: FileMetaData): ParquetThread {
  const library = import.meta.resolve('hyparquet');
  const worker = new Worker(source, {
    eval: true,
    workerData: { path, metadata, library },
    execArgv: [],
    resourceLimits: { maxOldGenerationSizeMb: getHeapStatistics().heap_size_limit / 2 ** 20 },
  });
  return {
    read: (rowStart, rowEnd, patience) =>
      new Promise((resolve, reject) => {
        const end = (): void => {
          clearTimeout(timer);
          worker.off('message', hear).off('error', fail);
        };
        const fail = (error: Error): void => {
          end();
          reject(error instanceof ParquetProblem ? error : new ParquetProblem(error.message, true));
        };
        const hear = (answer: Answer): void => {
          if ('problem' in answer) return fail(new ParquetProblem(answer.problem, answer.plain));
          end();
          resolve(answer.rows);
        };
        const seconds = Math.round(patience / 1000);
        const timer = setTimeout(fail, patience, new ParquetProblem(`no row was read in ${seconds} s`, true));
        worker.on('message', hear).on('error', fail); // memory that a thread may not have ends it
        worker.postMessage({ rowStart, rowEnd });
      }),
    close: async () => void (await worker.terminate()),
  };
}
