// What this process works at: whoever writes durably asks first whether the lock on that place is still its own, and
// whoever fails, how the work there is gone on with. Knows places and checks, no lock files.
import { resolve, sep } from 'node:path';
import { option } from '../words/option.ts';

export interface Hold {
  /** Whether the lock is on this absolute path. */
  readonly covers: (path: string) => boolean;
  /** Throws where the lock is no longer this process's; left out where there is none. */
  readonly check?: () => Promise<void>;
  /** How what is done here is gone on with. */
  readonly goesOn: GoingOn;
}

/** By the same call, by one that asks for going on, or not at all, so that another place is begun in. */
export type GoingOn = 'again' | 'resume' | 'anew';

const holds = new Set<Hold>();

/** Has `hold` asked before every durable write to what it covers, until the returned function is called. */
export function addHold(hold: Hold): () => void {
  holds.add(hold);
  return () => void holds.delete(hold);
}

/** Throws WhetstoneError `LOCK_LOST` where this process had locked `path` and another one has taken it over. */
export async function requireHeld(path: string): Promise<void> {
  for (const hold of holdsOn(path)) await hold.check?.();
}

function holdsOn(path: string): Hold[] {
  const absolute = resolve(path);
  return [...holds].filter(({ covers }) => covers(absolute));
}

const ways: Readonly<Record<GoingOn | 'unknown', () => string>> = {
  again: () => 'give the same command again',
  resume: () => `go on with ${option('resume')}`,
  anew: () => `begin anew with another ${option('out')}`,
  unknown: () => 'try again',
};

/** How the work at `path` is gone on with once what stopped it is mended: a clause. */
export function waysOn(path: string): string {
  // What was begun first is what was asked for; the rest is part of it.
  const [outermost] = holdsOn(path);
  return ways[outermost?.goesOn ?? 'unknown']();
}

/** Runs work in the folder `dir`: where something there cannot be written, it is told how that work is gone on with. */
export async function workingIn<T>(dir: string, goesOn: GoingOn, work: () => Promise<T>): Promise<T> {
  const absolute = resolve(dir);
  const covers = (path: string): boolean => path === absolute || path.startsWith(absolute + sep);
  const forget = addHold({ covers, goesOn });
  try {
    return await work();
  } finally {
    forget();
  }
}
