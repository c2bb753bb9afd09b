// Bodies of answers, read to a limit and within a time. Knows nothing of what they say.

/** The body as text; null, and the rest is not waited for, if it is longer than `most` bytes. */
export async function readBounded(response: Response, most: number): Promise<string | null> {
  const pieces: Uint8Array[] = [];
  let size = 0;
  for await (const piece of response.body ?? []) {
    size += (piece as Uint8Array).byteLength;
    if (size > most) return null;
    pieces.push(piece as Uint8Array);
  }
  return Buffer.concat(pieces).toString('utf8');
}

/** "4 MiB". */
export const mebibytes = (bytes: number): string => `${Math.round(bytes / 2 ** 20)} MiB`;

export interface Timer {
  /** Aborted when the time is up or the outer signal is aborted. */
  readonly signal: AbortSignal;
  /** From now on there are so many milliseconds. */
  start(milliseconds: number): void;
  /** The time is no longer counted, and the outer signal no longer heard. */
  end(): void;
}

/** Gives up what is done under its signal, in time or with an outer signal. */
export function createTimer(outer?: AbortSignal): Timer {
  const abort = new AbortController();
  let handle: NodeJS.Timeout | undefined;
  const giveUp = (): void => abort.abort(outer!.reason);
  if (outer?.aborted) giveUp();
  outer?.addEventListener('abort', giveUp, { once: true });
  return {
    signal: abort.signal,
    start: (milliseconds) => {
      clearTimeout(handle);
      handle = setTimeout(() => abort.abort(new Error('no answer in time')), milliseconds);
    },
    end: () => {
      clearTimeout(handle);
      outer?.removeEventListener('abort', giveUp);
    },
  };
}
