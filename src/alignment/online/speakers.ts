// The model as it speaks at some point of an online run: one engine at a time, for one adapter. Knows folders of
// models and adapters.
import type { WeightSettings } from '../../engine/open-weights.ts';
import { openModel } from '../../generation/index.ts';
import type { OpenedModel, Voice } from '../../generation/index.ts';

export interface Speakers {
  /** The model with this adapter; null is the model as it is. The one before is closed. */
  with(adapter: string | null): Promise<OpenedModel>;
  /** Frees the memory of the one that is open. */
  close(): Promise<void>;
}

export function openSpeakers(settings: Omit<WeightSettings, 'adapter'>, voice: Voice): Speakers {
  let current: { readonly adapter: string | null; readonly model: OpenedModel } | null = null;
  const close = async (): Promise<void> => {
    const before = current;
    current = null;
    await before?.model.dispose();
  };
  return {
    with: async (adapter) => {
      if (current === null || current.adapter !== adapter) {
        await close();
        current = { adapter, model: await openModel({ ...settings, adapter, voice }) };
      }
      return current.model;
    },
    close,
  };
}
