// What this process has locked: whoever writes durably asks first whether the lock on that place is still its own, and
// whoever fails, how the work there is gone on with. Knows places and checks, no lock files.
import { resolve } from 'node:path';
import { option } from '../words/option.ts';

export interface Hold {
  /** Whether the lock is on this absolute path. */
  readonly covers: (path: string) => boolean;
  /** Throws where the lock is no longer this process's. */
  readonly check: () => Promise<void>;
  /** Whether what is done here is gone on with when that is asked for, and not by the same call again. */
  readonly resumes: boolean;
}

const holds = new Set<Hold>();

/** Has `hold` asked before every durable write to what it covers, until the returned function is called. */
export function addHold(hold: Hold): () => void {
  holds.add(hold);
  return () => void holds.delete(hold);
}

/** Throws WhetstoneError `LOCK_LOST` where this process had locked `path` and another one has taken it over. */
export async function requireHeld(path: string): Promise<void> {
  for (const hold of holdsOn(path)) await hold.check();
}

function holdsOn(path: string): Hold[] {
  const absolute = resolve(path);
  return [...holds].filter(({ covers }) => covers(absolute));
}

/** How the work at `path` is gone on with once what stopped it is mended: a clause. */
export function waysOn(path: string): string {
  const covering = holdsOn(path);
  if (covering.length === 0) return 'try again';
  return covering.some(({ resumes }) => resumes)
    ? `go on with ${option('resume')}`
    : 'give the same command again';
}
