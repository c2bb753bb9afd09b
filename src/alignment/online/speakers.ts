// The model as it speaks at some point of an online run: one engine at a time, for one adapter. Knows folders of
// models and adapters.
import type { Estimating } from '../../engine/require-memory.ts';
import type { WeightSettings } from '../../engine/open-weights.ts';
import { openModel, respond } from '../../generation/index.ts';
import type { OpenedModel, Response, ResponseSettings, Voice } from '../../generation/index.ts';
import type { PromptText } from '../../rows/conversation.ts';

/** Responses to prompts, in their order; as `respond` of `src/generation`. */
export type Responder = (prompts: readonly PromptText[], settings: ResponseSettings) => Promise<Response[]>;

export interface Speakers {
  /** What the model is and will take, also when it is closed again; it is opened with this adapter if it is not open. */
  about(adapter: string | null): Promise<Estimating>;
  /** Whether responses are made in this process. */
  readonly isLocal: boolean;
  /** The model with this adapter; null is the model as it is. The one before is closed. */
  with(adapter: string | null): Promise<Responder>;
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
  const opened = async (adapter: string | null): Promise<OpenedModel> => {
    if (current === null || current.adapter !== adapter) {
      await close();
      current = { adapter, model: await openModel({ ...settings, adapter, voice }) };
    }
    return current.model;
  };
  return {
    about: async (adapter) => (await opened(adapter)).engine,
    isLocal: true,
    with: async (adapter) => {
      const model = await opened(adapter);
      return (prompts, asked) => respond(model, prompts, asked);
    },
    close,
  };
}
