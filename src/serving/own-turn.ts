// Turns of the event loop for work of tens of milliseconds, one piece of it a turn, so that what has come from others is
// answered between two. Knows no requests.
import { setImmediate as turn } from 'node:timers/promises';

let last: Promise<void> = Promise.resolve();

/** Resolves in a turn of the event loop in which nobody else who asked for one begins. */
export function ownTurn(): Promise<void> {
  last = last.then(() => turn());
  return last;
}
