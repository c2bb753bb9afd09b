// Things that are open while something is prepared: closed in reverse where that fails, or when all is done. Knows no
// particular thing.

export interface OpenThings {
  /** Notes that `close` is to be called. */
  add(close: () => Promise<void>): void;
  /** Closes all, the last one first. Safe to call more than once. */
  close(): Promise<void>;
}

export function openThings(): OpenThings {
  const closers: (() => Promise<void>)[] = [];
  return {
    add: (close) => void closers.push(close),
    close: async () => {
      for (let close = closers.pop(); close; close = closers.pop()) await close();
    },
  };
}
