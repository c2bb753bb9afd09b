// The model as it speaks at some point of an online run: one engine at a time, for one adapter. Knows folders of
// models and adapters.
import type { Speaker } from '../../generation/index.ts';
import type { PromptTemplate, Tokenizer } from '../../tokens/index.ts';
import type { EngineDescription, OpenEngine, OpenedEngine } from '../engine-seam.ts';

export interface Speakers {
  /** The model with this adapter; null is the model as it is. The one before is closed. */
  with(adapter: string | null): Promise<Speaker & { describe(): EngineDescription }>;
  /** Frees the memory of the one that is open. */
  close(): Promise<void>;
}

export function openSpeakers(
  open: OpenEngine,
  text: { readonly tokenizer: Tokenizer; readonly template: PromptTemplate },
  {
    model,
    threads,
    seed,
  }: { readonly model: string; readonly threads: number | null; readonly seed: number },
): Speakers {
  let current: { readonly adapter: string | null; readonly engine: OpenedEngine } | null = null;
  const close = async (): Promise<void> => {
    const before = current;
    current = null;
    await before?.engine.dispose();
  };
  return {
    with: async (adapter) => {
      if (current === null || current.adapter !== adapter) {
        await close();
        const engine = await open({
          modelDir: model,
          seed,
          ...(adapter !== null && { adapterDir: adapter }),
          ...(threads !== null && { threads }),
        });
        current = { adapter, engine };
      }
      const { engine } = current;
      return { engine, ...text, describe: () => engine.describe() };
    },
    close,
  };
}
