// A file of the chats that a server has answered, a JSON line each. Knows messages and responses, no HTTP.
import { openJournal } from '../durable/journal.ts';
import { lockFile } from '../durable/lock.ts';
import { WhetstoneError } from '../errors.ts';
import type { Message } from '../rows/conversation.ts';
import type { Note } from '../words/note.ts';

/** A response to a conversation, complete. */
export interface Exchange {
  /** Of the completion, as the client has it, and which of its choices this is. */
  readonly id: string;
  readonly choice: number;
  /** The name under which the model is served. */
  readonly model: string;
  /** The version that answered, of a model that learns. */
  readonly version?: number | undefined;
  readonly messages: readonly Message[];
  readonly response: string;
  /** `length`: it was cut off at the most tokens. */
  readonly finish: 'stop' | 'length';
}

export interface Recording {
  /** Adds a line { time, model, messages, response, finish_reason } behind those that are there. Returns at once. */
  readonly record: (exchange: Exchange) => void;
  /** Waits for the lines that were added, and gives the file free. */
  close(): Promise<void>;
}

const asFault = (error: unknown, file: string): WhetstoneError =>
  error instanceof WhetstoneError ? error : new WhetstoneError('WRITE_FAILED', String(error), { file });

/** What only their owner may read: people say private things to a model. */
const ownerOnly = 0o600;

/** Lines that are there already are not kept in memory. */
const known = {};

/**
 * Opens or makes the file, which is the caller's alone. A line that a kill cut off is taken away. `onFault` hears of the
 * first line that could not be written; none is written after it. Throws as `openJournal` and `lockFile`.
 */
export async function openRecording(
  path: string,
  onFault: (error: WhetstoneError) => void,
  onNote?: (note: Note) => void,
): Promise<Recording> {
  const lock = await lockFile(path, { onNote });
  try {
    const journal = await openJournal<object>(
      path,
      (value) => (typeof value === 'object' && value !== null ? known : null),
      { mode: ownerOnly },
    );
    let failed = false;
    const fail = (error: unknown): void => {
      if (!failed) onFault(asFault(error, path));
      failed = true;
    };
    return {
      record: ({ model, messages, response, finish }) => {
        if (failed) return;
        const time = new Date().toISOString();
        journal.append({ time, model, messages, response, finish_reason: finish }).catch(fail);
      },
      close: async () => {
        await journal.close();
        await lock.release();
      },
    };
  } catch (error) {
    await lock.release();
    throw error;
  }
}
