// Order among overlapping calls: what shares buffers runs one call after the other. Knows nothing of what they do.
import { WhetstoneError } from '../errors.ts';

/**
 * Calls wrapped by `inTurn` begin when those before them have ended; after `end` they throw `ENGINE_DISPOSED`.
 * `end` itself waits for its turn, and runs once however often it is called.
 */
export function takeTurns(): {
  inTurn: <A extends readonly unknown[], R>(call: (...args: A) => Promise<R>) => (...args: A) => Promise<R>;
  end: (last: () => Promise<void>) => Promise<void>;
} {
  let queue: Promise<unknown> = Promise.resolve();
  let ended: Promise<void> | null = null;
  const enqueue = <R>(call: () => Promise<R>): Promise<R> => {
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
    end: (last) => (ended ??= enqueue(last)),
  };
}
