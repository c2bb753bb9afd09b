// Signs of life: a counter at the end of every lock file that this process holds, raised by a thread of its own, so that
// a busy event loop does not look like a dead process. Knows the end of the file, not what the record says.
import { Worker } from 'node:worker_threads';
import { hasCode } from './files.ts';

/** Milliseconds between two signs of life. */
export const beatInterval = 2000;

/** The digits of a counter; of one width, so that they can be replaced in place. */
export const beatDigits = (count: number): string => String(count).padStart(width);
const width = 10;

/** Most locks are given up sooner than a thread is worth starting for. */
const firstBeat = 500;

// Plain text, so that the thread needs no file beside the bundle. The record is compared before the counter is written,
// in the file that was opened: whoever took the lock over has a file of their own.
const source = `
  const { parentPort, workerData } = require('node:worker_threads');
  const { closeSync, openSync, readSync, writeSync } = require('node:fs');
  const records = new Map(workerData.records);
  parentPort.on('message', ({ path, record }) =>
    record === null ? records.delete(path) : records.set(path, record),
  );
  let count = 0;
  const beat = () => {
    count++;
    for (const [path, record] of records) {
      const expected = Buffer.from(record);
      const found = Buffer.alloc(expected.length);
      try {
        const file = openSync(path, 'r+');
        try {
          readSync(file, found, 0, found.length, 0);
          if (found.equals(expected)) writeSync(file, String(count).padStart(workerData.width), expected.length);
        } finally {
          closeSync(file);
        }
      } catch {} // gone, or not to be reached now; its holder looks before it writes on
    }
  };
  beat();
  setInterval(beat, workerData.interval);
`;

/** Path of a lock file to its record up to the counter. */
const records = new Map<string, string>();
let starting: NodeJS.Timeout | null = null;
let worker: Worker | null = null;

/** Raises the counter behind `record` in the file `path` until the returned function is called. */
export function keepBeating(path: string, record: string): () => void {
  records.set(path, record);
  if (worker) worker.postMessage({ path, record });
  else starting ??= setTimeout(startWorker, firstBeat).unref();
  return () => {
    if (records.get(path) !== record) return;
    records.delete(path);
    worker?.postMessage({ path, record: null });
    if (records.size === 0) stopWorker();
  };
}

function startWorker(): void {
  starting = null;
  try {
    worker = new Worker(source, {
      eval: true,
      workerData: { records: [...records], interval: beatInterval, width },
      execArgv: [],
    });
  } catch (error) {
    if (!hasCode(error, 'ERR_WORKER_INIT_FAILED')) throw error;
    // There is no memory for a thread now, which is no reason to end the process.
    starting = setTimeout(startWorker, beatInterval).unref();
    return;
  }
  worker.unref();
}

function stopWorker(): void {
  if (starting) clearTimeout(starting);
  starting = null;
  void worker?.terminate();
  worker = null;
}
