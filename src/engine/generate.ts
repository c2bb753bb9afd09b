// Continuous batching: requests wait in a queue until a slot is free, and a sequence that ends makes room for the next
// at once. Knows token ids; stop strings and text are the caller's.
import { multiplyCodes } from '../graph/index.ts';
import type { DecoderConfig } from '../models/index.ts';
import { readsCodes } from './arithmetic.ts';
import { isNarrow } from './arrangement.ts';
import { admit, createBatch, fail, running, step } from './decoding-batch.ts';
import { traceDecoding } from './decoding-graph.ts';
import type { EngineModel } from './model.ts';
import type { RowCounts } from './row-counts.ts';
import type { Waiting } from './running.ts';
import { compile } from './session.ts';

export interface Generator {
  /**
   * Works until `queue` is empty and every request in it has been answered. Requests may be added to its end
   * meanwhile. Rejects with what went wrong in a run; the requests have then been rejected too.
   */
  work(queue: Waiting[]): Promise<void>;
  release(): Promise<void>;
}

export interface GeneratorSettings {
  readonly endTokens: ReadonlySet<number>;
  /** Sequences that run side by side. */
  readonly slots: number;
  /** What is known of this model as it is; cleared by whoever changes it. */
  readonly rowCounts: RowCounts;
}

/** Sequences side by side where nobody asks for another number; each costs memory for its cache. */
export const usualSlots = (config: Pick<DecoderConfig, 'hiddenSize'>): number => (isNarrow(config) ? 64 : 8);

export async function openGenerator(model: EngineModel, settings: GeneratorSettings): Promise<Generator> {
  const { config, checkpoint, trainable, threads, device, prepack } = model;
  const traced = traceDecoding(config, checkpoint, trainable);
  const reads = readsCodes(model);
  const graph = reads ? multiplyCodes(traced, model.arithmetic) : traced;
  // The kernel that reads codes is fast with codes in its own order; they are no more than they were.
  const session = await compile(graph, {
    root: checkpoint.root,
    threads,
    device,
    prepack: prepack || reads,
  });
  return {
    work: async (queue) => {
      const batch = createBatch(model, session, settings);
      const active = (): number => running(batch).length;
      try {
        while (queue.length > 0 || active() > 0) {
          while (queue.length > 0 && active() < settings.slots) await admit(batch, queue);
          await step(batch);
        }
      } catch (error) {
        fail(batch, error);
        for (const { reject } of queue.splice(0)) reject(error);
        throw error;
      }
    },
    release: () => session.release(),
  };
}
