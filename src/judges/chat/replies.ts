// Replies of a chat server that are kept, so that nothing is asked, or paid, twice. Keeps what was said, not what it
// was read as; failures are never kept.
import { createHash } from 'node:crypto';
import { mkdir } from 'node:fs/promises';
import { dirname } from 'node:path';
import { openJournal } from '../../durable/journal.ts';
import type { Journal } from '../../durable/journal.ts';
import { acquireLock } from '../../durable/lock.ts';
import type { TokenCounts } from './cost.ts';

export interface KeptReply {
  /** `replyKey` of the request that it answers. */
  readonly key: string;
  /** For people. */
  readonly at: string;
  /** As counted when the reply came: the server's figures or estimates. */
  readonly usage: TokenCounts;
  /** The server's body. */
  readonly reply: unknown;
}

export interface Replies {
  /** The latest reply to a request. */
  get(key: string): KeptReply | undefined;
  /** Resolves when the reply is on disk. */
  keep(reply: KeptReply): Promise<void>;
  /** Tokens of all replies that were there when the file was opened. */
  readonly before: TokenCounts;
  /** Whether a reply that a kill had cut off was removed from the file. */
  readonly repaired: boolean;
  close(): Promise<void>;
}

/** The whole request: where it goes, and the body with model, messages and sampling. */
export const replyKey = (endpoint: string, body: string): string =>
  createHash('sha256').update(`${endpoint}\n${body}`).digest('hex');

/**
 * Opens or makes the file of replies; null keeps nothing. Throws WhetstoneError `RUN_LOCKED` where another process
 * has it open, and `DAMAGED_JOURNAL`.
 */
export async function openReplies(path: string | null): Promise<Replies> {
  if (path === null) {
    return {
      get: () => undefined,
      keep: () => Promise.resolve(),
      before: { input: 0, output: 0 },
      repaired: false,
      close: () => Promise.resolve(),
    };
  }
  await mkdir(dirname(path), { recursive: true });
  const lock = await acquireLock(`${path}.lock`);
  let journal: Journal<KeptReply>;
  try {
    journal = await openJournal(path, parseReply);
  } catch (error) {
    await lock.release();
    throw error;
  }
  const byKey = new Map(journal.records.map((reply) => [reply.key, reply]));
  const sum = (name: keyof TokenCounts): number =>
    journal.records.reduce((total, { usage }) => total + usage[name], 0);
  return {
    get: (key) => byKey.get(key),
    keep: async (reply) => {
      await journal.append(reply);
      byKey.set(reply.key, reply);
    },
    before: { input: sum('input'), output: sum('output') },
    repaired: journal.repaired,
    close: async () => {
      await journal.close();
      await lock.release();
    },
  };
}

function parseReply(value: unknown): KeptReply | null {
  const { key, at, usage, reply } = (value ?? {}) as Partial<Record<keyof KeptReply, unknown>>;
  const { input, output } = (usage ?? {}) as Partial<Record<keyof TokenCounts, unknown>>;
  if (typeof key !== 'string' || typeof at !== 'string' || reply === undefined) return null;
  if (typeof input !== 'number' || typeof output !== 'number') return null;
  return { key, at, usage: { input, output }, reply };
}
