// Replies of a chat server that are kept, so that nothing is asked, or paid, twice. Keeps what was said, not what it
// was read as; failures are never kept, but where a budget counts them, what they may have cost is.
import { createHash } from 'node:crypto';
import { dirname } from 'node:path';
import { makeFolder } from '../durable/files.ts';
import { openJournal } from '../durable/journal.ts';
import type { Journal } from '../durable/journal.ts';
import { lockFile } from '../durable/lock.ts';
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
  /** The call that brought it, where calls are announced. */
  readonly call?: number;
}

/** A call that is about to be sent, and what it may cost. */
interface Announced {
  readonly announced: number;
  readonly at: string;
  readonly most: TokenCounts;
}
/** A call that brought no reply, and what it counts for. */
interface Fruitless {
  readonly fruitless: number;
  readonly spent: TokenCounts;
}
type Line = KeptReply | Announced | Fruitless;

export interface Replies {
  /** The latest reply to a request. */
  get(key: string): KeptReply | undefined;
  /** Resolves when the reply is on disk. */
  keep(reply: KeptReply): Promise<void>;
  /**
   * Puts down that a call is about to be sent that may use so many tokens; resolves, when that is on disk, with its
   * number. A call that is neither kept nor `fruitless` later, because the process was killed, counts in full.
   */
  announce(most: TokenCounts, at: string): Promise<number>;
  /** Puts down that an announced call brought no reply, and what it counts for. */
  fruitless(call: number, spent: TokenCounts): Promise<void>;
  /** Tokens of all that was there when the file was opened: replies, fruitless calls, and calls that a kill cut off. */
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
      announce: () => Promise.resolve(0),
      fruitless: () => Promise.resolve(),
      before: { input: 0, output: 0 },
      repaired: false,
      close: () => Promise.resolve(),
    };
  }
  await makeFolder(dirname(path));
  const lock = await lockFile(path);
  let journal: Journal<Line>;
  try {
    journal = await openJournal(path, parseLine);
  } catch (error) {
    await lock.release();
    throw error;
  }
  const byKey = new Map<string, KeptReply>();
  for (const line of journal.records) if ('key' in line) byKey.set(line.key, line);
  let calls = journal.records.filter((line) => 'announced' in line).length;
  return {
    get: (key) => byKey.get(key),
    keep: async (reply) => {
      await journal.append(reply);
      byKey.set(reply.key, reply);
    },
    announce: async (most, at) => {
      const announced = ++calls;
      await journal.append({ announced, at, most });
      return announced;
    },
    fruitless: (call, spent) => journal.append({ fruitless: call, spent }),
    before: spentOn(journal.records),
    repaired: journal.repaired,
    close: async () => {
      await journal.close();
      await lock.release();
    },
  };
}

function spentOn(lines: readonly Line[]): TokenCounts {
  const settled = new Set(
    lines.map((line) => ('key' in line ? line.call : 'fruitless' in line ? line.fruitless : undefined)),
  );
  const counts = lines.map((line) => {
    if ('key' in line) return line.usage;
    if ('fruitless' in line) return line.spent;
    return settled.has(line.announced) ? { input: 0, output: 0 } : line.most;
  });
  const sum = (name: keyof TokenCounts): number => counts.reduce((total, each) => total + each[name], 0);
  return { input: sum('input'), output: sum('output') };
}

function parseLine(value: unknown): Line | null {
  const line = (value ?? {}) as Readonly<Record<string, unknown>>;
  if (typeof line['announced'] === 'number') return isCounts(line['most']) ? (value as Announced) : null;
  if (typeof line['fruitless'] === 'number') return isCounts(line['spent']) ? (value as Fruitless) : null;
  const { key, at, usage, reply } = line;
  const whole = typeof key === 'string' && typeof at === 'string' && reply !== undefined && isCounts(usage);
  return whole ? (value as KeptReply) : null;
}

function isCounts(value: unknown): value is TokenCounts {
  const { input, output } = (value ?? {}) as Partial<Record<keyof TokenCounts, unknown>>;
  return typeof input === 'number' && typeof output === 'number';
}
