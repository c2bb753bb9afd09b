// What this process has locked: whoever writes durably asks first whether the lock on that place is still its own.
// Knows places and checks, no lock files.
import { resolve } from 'node:path';

export interface Hold {
  /** Whether the lock is on this absolute path. */
  readonly covers: (path: string) => boolean;
  /** Throws where the lock is no longer this process's. */
  readonly check: () => Promise<void>;
}

const holds = new Set<Hold>();

/** Has `hold` asked before every durable write to what it covers, until the returned function is called. */
export function addHold(hold: Hold): () => void {
  holds.add(hold);
  return () => void holds.delete(hold);
}

/** Throws WhetstoneError `LOCK_LOST` where this process had locked `path` and another one has taken it over. */
export async function requireHeld(path: string): Promise<void> {
  const absolute = resolve(path);
  for (const hold of holds) if (hold.covers(absolute)) await hold.check();
}
