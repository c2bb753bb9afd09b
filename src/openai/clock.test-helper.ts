// A clock whose time passes only when everybody sleeps. Only for tests.
import type { Clock } from './clock.ts';

export interface FakeClock extends Clock {
  /** What was slept, in milliseconds, in the order in which it was asked for. */
  readonly sleeps: number[];
}

/** Time jumps to the next waking as soon as nothing else is left to do. */
export function fakeClock(start = 1_000_000): FakeClock {
  let now = start;
  let sleepers: { at: number; wake: () => void }[] = [];
  const sleeps: number[] = [];
  let planned = false;
  const plan = (): void => {
    if (planned) return;
    planned = true;
    // Behind pending promises and what they lead to.
    setImmediate(() => {
      planned = false;
      const next = Math.min(...sleepers.map(({ at }) => at));
      if (next === Infinity) return;
      now = Math.max(now, next);
      const due = sleepers.filter(({ at }) => at <= now);
      sleepers = sleepers.filter(({ at }) => at > now);
      for (const { wake } of due) wake();
      if (sleepers.length > 0) plan();
    });
  };
  return {
    sleeps,
    now: () => now,
    sleep: (milliseconds, signal) =>
      new Promise((resolve, reject) => {
        if (signal?.aborted) return reject(signal.reason as Error);
        sleeps.push(milliseconds);
        const sleeper = { at: now + milliseconds, wake: resolve };
        sleepers.push(sleeper);
        signal?.addEventListener(
          'abort',
          () => {
            sleepers = sleepers.filter((other) => other !== sleeper);
            reject(signal.reason as Error);
          },
          { once: true },
        );
        plan();
      }),
  };
}
