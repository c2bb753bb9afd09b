// The versions of a model as they answer: the one in use is open, others while somebody holds them. Who holds one keeps
// it, whichever is in use by then. Knows engines and folders, no judgments.
import type { Engine } from '../engine/engine.ts';
import { openModel } from '../generation/index.ts';
import type { ModelSettings, OpenedModel, Speaker } from '../generation/index.ts';
import { weightsFingerprint } from '../runs/fingerprint.ts';

/** A version that can be asked. */
export interface VersionModel extends Speaker {
  readonly version: number;
  /** PEFT folder; null for the model as it is. */
  readonly adapter: string | null;
  readonly engine: Engine;
  /** Changes with the weights, the tokenizer and the version of the program. */
  readonly fingerprint: string;
  /** Keeps the version open until the returned function is called, once. */
  hold(): () => void;
}

export interface VersionModels {
  /** The version in use. */
  present(): VersionModel;
  /** A version that is held already: let it go when done. */
  take(version: number): Promise<{ readonly model: VersionModel; readonly release: () => void }>;
  /** Makes an open version the one in use from the next call of `present` on. */
  use(model: VersionModel): void;
  /** Waits for what is under way, and frees all. */
  close(): Promise<void>;
}

interface Open {
  readonly opening: Promise<VersionModel>;
  holders: number;
}

/** Opens version `first`, which is in use. Throws what `openModel` throws. */
export async function openVersionModels(
  settings: Omit<Extract<ModelSettings, { readonly voice: unknown }>, 'adapter'>,
  adapterOf: (version: number) => string | null,
  first: number,
): Promise<VersionModels> {
  const open = new Map<number, Open>();
  const closing = new Set<Promise<void>>();
  const close = (opened: OpenedModel): void => {
    const ended = opened.dispose().finally(() => closing.delete(ended));
    closing.add(ended);
  };

  const openVersion = (version: number): Open => {
    let opened: OpenedModel | null = null;
    const hold = (): (() => void) => {
      entry.holders++;
      let held = true;
      return () => {
        if (!held) return;
        held = false;
        entry.holders--;
        if (entry.holders > 0) return;
        open.delete(version);
        if (opened !== null) close(opened);
      };
    };
    const start = async (): Promise<VersionModel> => {
      const adapter = adapterOf(version);
      try {
        opened = await openModel({ ...settings, adapter });
        const fingerprint = await weightsFingerprint(settings.model, adapter);
        const { engine, tokenizer, template } = opened;
        return { version, adapter, engine, tokenizer, template, fingerprint, hold };
      } catch (error) {
        open.delete(version);
        if (opened !== null) close(opened);
        throw error;
      }
    };
    const entry: Open = { opening: start(), holders: 0 };
    open.set(version, entry);
    return entry;
  };

  const take: VersionModels['take'] = async (version) => {
    const entry = open.get(version) ?? openVersion(version);
    entry.holders++;
    let model: VersionModel;
    try {
      model = await entry.opening;
    } catch (error) {
      entry.holders--;
      throw error;
    }
    const release = model.hold();
    entry.holders--;
    return { model, release };
  };

  const begun = await take(first);
  let present = begun.model;
  let letGo = begun.release;
  return {
    present: () => present,
    take,
    use: (model) => {
      const before = letGo;
      letGo = model.hold();
      present = model;
      before();
    },
    close: async () => {
      letGo();
      // Whoever still holds a version is given up with it: its engine ends when its last call has.
      for (const { opening } of [...open.values()]) await opening.then(({ engine }) => engine.dispose());
      open.clear();
      while (closing.size > 0) await Promise.all(closing);
    },
  };
}
