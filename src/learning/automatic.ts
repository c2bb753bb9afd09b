// Trains by itself when enough judgments have come: at a moment without a request under way, or when that has been waited
// for long enough. Knows counts and moments, nothing of what is learned.
import type { Learning } from './learning.ts';

export interface AutomaticSettings {
  /** Judgments that no training has begun with; null: only a training that was stopped is gone on with. */
  readonly after: number | null;
  /** Seconds. */
  readonly patience: number;
  /** Whether a request is under way. */
  readonly isBusy: () => boolean;
  /** Hears why a training failed; the next one begins when another judgment has come. */
  readonly onError: (error: unknown) => void;
}

export interface AutomaticLearning {
  /** Whether a training is due and waits for its moment. */
  isWaiting(): boolean;
  /** Begins no further training. */
  close(): void;
}

/** Milliseconds between two looks at whether a request is under way. */
const glance = 50;

export function learnAutomatically(
  learning: Learning,
  { after, patience, isBusy, onError }: AutomaticSettings,
): AutomaticLearning {
  let waiting: NodeJS.Timeout | null = null;
  let dueSince = 0;
  let closed = false;
  // After a failure nothing is tried again with the same judgments.
  let failedWith = -1;

  const isDue = (): boolean => {
    if (closed || learning.progress() !== null) return false;
    const count = learning.judgments().length;
    if (count === failedWith || !learning.canLearn()) return false;
    if (learning.unfinished() !== null) return true;
    return after !== null && learning.unseen().length >= after;
  };
  const stop = (): void => {
    if (waiting !== null) clearInterval(waiting);
    waiting = null;
  };
  const look = (): void => {
    if (!isDue()) return stop();
    if (isBusy() && performance.now() - dueSince < 1000 * patience) return;
    stop();
    const count = learning.judgments().length;
    learning
      .learn()
      .catch((error: unknown) => {
        failedWith = count;
        if (!closed) onError(error);
      })
      .finally(consider);
  };
  const consider = (): void => {
    if (waiting !== null || !isDue()) return;
    dueSince = performance.now();
    waiting = setInterval(look, glance);
  };
  const forget = learning.on(({ kind }) => {
    if (kind === 'judged') consider();
  });
  consider();
  return {
    isWaiting: () => waiting !== null,
    close: () => {
      closed = true;
      forget();
      stop();
    },
  };
}
