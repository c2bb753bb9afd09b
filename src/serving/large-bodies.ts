// Large bodies come in one after another, so that what they hold in memory does not add up, and the memory goes back when
// the last of them is done with. Knows no HTTP.

export interface LargeBodies {
  /** Resolves with how to leave when there is room for one more; rejects with the signal's reason. */
  enter(signal: AbortSignal): Promise<() => void>;
}

/** A body from so many bytes on. */
export const largeBody = 65536;
/** So many at once: one client that sends slowly does not hold up all others. */
const atOnce = 2;
/** Nobody has sent another for so long. */
const quietMilliseconds = 500;

const clear = (): void => void giveMemoryBack().catch(() => undefined);

export function createLargeBodies(): LargeBodies {
  let inside = 0;
  const waiting: (() => void)[] = [];
  let clearing: NodeJS.Timeout | null = null;
  const leaver = (): (() => void) => {
    let left = false;
    return () => {
      if (left) return;
      left = true;
      const next = waiting.shift();
      if (next) return next();
      inside--;
      if (inside === 0) clearing = setTimeout(clear, quietMilliseconds).unref();
    };
  };
  return {
    enter: (signal) =>
      new Promise((resolve, reject) => {
        if (signal.aborted) return reject(signal.reason as Error);
        if (clearing) clearTimeout(clearing);
        if (inside < atOnce) {
          inside++;
          return resolve(leaver());
        }
        const begin = (): void => {
          signal.removeEventListener('abort', giveUp);
          resolve(leaver());
        };
        const giveUp = (): void => {
          waiting.splice(waiting.indexOf(begin), 1);
          reject(signal.reason as Error);
        };
        waiting.push(begin);
        signal.addEventListener('abort', giveUp, { once: true });
      }),
  };
}

/**
 * Garbage of megabytes may lie for minutes in a server that has nothing to do, and the space for what is new, once grown,
 * for ever: the engine of JavaScript gives both back only where it is told that memory is short. The inspector tells it
 * so; a Node without one keeps the memory.
 */
async function giveMemoryBack(): Promise<void> {
  const { Session } = await import('node:inspector/promises');
  const session = new Session();
  session.connect();
  try {
    await session.post('HeapProfiler.collectGarbage');
  } finally {
    session.disconnect();
  }
}
