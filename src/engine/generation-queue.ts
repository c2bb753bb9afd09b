// Lets overlapping calls for generation share one batch: a call joins the one under way unless something else that
// may change the model waits in between. Knows turns; it does not know how tokens are made.
import type { Generation, GenerationRequest } from './engine.ts';
import type { Waiting } from './running.ts';
import type { Turns } from './turns.ts';

/**
 * `work` answers every request of the queue that it is given, also those that are added while it runs, and then
 * returns; what it throws has been told to each of them.
 */
export function generationQueue(
  turns: Turns,
  work: (queue: Waiting[]) => Promise<void>,
): (requests: readonly GenerationRequest[]) => Promise<Generation[]> {
  let open: { readonly queue: Waiting[]; readonly turn: number } | null = null;
  const begin = (queue: Waiting[]): void => {
    const close = (): void => {
      if (open?.queue === queue) open = null;
    };
    const run = turns.inTurn(async () => {
      // Checked and closed in one go, so that nobody joins a queue that is no longer read.
      do await work(queue);
      while (queue.length > 0);
      close();
    });
    void run().catch((error: unknown) => {
      close();
      for (const { reject } of queue.splice(0)) reject(error);
    });
    open = { queue, turn: turns.latest() };
  };
  return (requests) => {
    if (requests.length === 0) return Promise.resolve([]);
    const joined = open !== null && open.turn === turns.latest() ? open.queue : [];
    const results = requests.map(
      (request) => new Promise<Generation>((resolve, reject) => joined.push({ request, resolve, reject })),
    );
    if (open?.queue !== joined) begin(joined);
    return Promise.all(results);
  };
}
