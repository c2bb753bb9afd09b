// Time as those see it who wait for servers, so that tests can bring their own.

export interface Clock {
  /** Milliseconds since 1970, never going back. */
  now(): number;
  /** Resolves after `milliseconds`; rejects with the signal's reason once that is aborted. */
  sleep(milliseconds: number, signal?: AbortSignal): Promise<void>;
}

export const systemClock: Clock = {
  now: () => performance.timeOrigin + performance.now(),
  sleep: (milliseconds, signal) =>
    new Promise((resolve, reject) => {
      const giveUp = (): void => {
        clearTimeout(timer);
        reject(signal!.reason as Error);
      };
      if (signal?.aborted) return reject(signal.reason as Error);
      const timer = setTimeout(
        () => {
          signal?.removeEventListener('abort', giveUp);
          resolve();
        },
        // A timer cuts fractions off, and would wake too early.
        Math.min(Math.ceil(milliseconds), 2 ** 31 - 1),
      );
      signal?.addEventListener('abort', giveUp, { once: true });
    }),
};
