// A session's event file in a folder that TensorBoard watches. Knows its name and when its steps count; not what is logged.
import { open, readdir } from 'node:fs/promises';
import type { FileHandle } from 'node:fs/promises';
import { hostname } from 'node:os';
import { join } from 'node:path';
import { explainWriting, growing } from '../durable/explain.ts';
import { hasCode, makeFolder, writeAll } from '../durable/files.ts';
import { scalarsEvent, startEvent, versionEvent } from './events.ts';
import type { Scalars } from './events.ts';
import { frameRecord } from './record-frame.ts';

export interface EventLog {
  readonly path: string;
  /**
   * Says that steps are logged from `firstStep` on: whatever was logged of it and later, in older files too, no longer
   * counts for readers. Called before the first step of a training, and where one goes on from a checkpoint.
   */
  start(firstStep: number): Promise<void>;
  /** Appends the values of a step; a reader sees them when this resolves. */
  add(step: number, scalars: Scalars): Promise<void>;
  close(): Promise<void>;
}

/**
 * Begins a new event file in `dir`, which is made where it is missing. Nothing that is there is changed: each session
 * has a file of its own, whose name sorts behind the others, since readers take them in that order. `now` is the time
 * in seconds since 1970.
 *
 * Throws as `explainWriting`.
 */
export async function openEventLog(
  dir: string,
  now: () => number = () => Date.now() / 1000,
): Promise<EventLog> {
  await makeFolder(dir);
  const { path, file } = await explainWriting(dir, () => create(dir, Math.floor(now())));
  const append = (event: Uint8Array): Promise<void> =>
    explainWriting(path, () => writeAll(file, frameRecord(event)), growing);
  let closed = false;
  const close = async (): Promise<void> => {
    if (closed) return;
    closed = true;
    await file.close();
  };
  try {
    await append(versionEvent(now()));
  } catch (error) {
    await close();
    throw error;
  }
  return {
    path,
    start: (firstStep) => append(startEvent(now(), firstStep)),
    add: (step, scalars) => append(scalarsEvent(now(), step, scalars)),
    close,
  };
}

const fileName = /^events\.out\.tfevents\.(\d+)\./;

async function create(dir: string, now: number): Promise<{ path: string; file: FileHandle }> {
  const before = (await readdir(dir)).map((name) => Number(fileName.exec(name)?.[1] ?? 0));
  let seconds = before.reduce((latest, each) => Math.max(latest, each + 1), now);
  const host = hostname().replace(/[^\w-]/g, '-') || 'localhost';
  for (;;) {
    const path = join(dir, `events.out.tfevents.${String(seconds).padStart(10, '0')}.${host}.${process.pid}`);
    try {
      return { path, file: await open(path, 'wx') };
    } catch (error) {
      if (!hasCode(error, 'EEXIST')) throw error;
      seconds++;
    }
  }
}
