// Order among overlapping calls: what shares buffers runs one call after the other. Knows nothing of what they do.
import { WhetstoneError } from '../errors.ts';

export interface Turns {
  readonly inTurn: <A extends readonly unknown[], R>(
    call: (...args: A) => Promise<R>,
  ) => (...args: A) => Promise<R>;
  /** Number of the last call that took its place; the same number twice means that nothing came between. */
  readonly latest: () => number;
  readonly end: (last: () => Promise<void>) => Promise<void>;
}

/**
 * Calls wrapped by `inTurn` begin when those before them have ended; after `end` they throw `ENGINE_DISPOSED`.
 * `end` itself waits for its turn, and runs once however often it is called.
 */
export function takeTurns(): Turns {
  let queue: Promise<unknown> = Promise.resolve();
  let count = 0;
  let ended: Promise<void> | null = null;
  const enqueue = <R>(call: () => Promise<R>): Promise<R> => {
    count++;
    const result = queue.then(call);
    queue = result.catch(() => undefined);
    return result;
  };
  return {
    inTurn:
      (call) =>
      async (...args) => {
        if (ended) throw new WhetstoneError('ENGINE_DISPOSED', 'this engine has been disposed of');
        return enqueue(() => call(...args));
      },
    latest: () => count,
    end: (last) => (ended ??= enqueue(last)),
  };
}
