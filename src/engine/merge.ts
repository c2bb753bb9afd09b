// An adapter folded into its base model: weight file by weight file, each kept if the work is stopped, and checked
// before the folder gets its name. Knows models and engines; not where the adapter comes from.
import { computeOf } from './open-weights.ts';
import { rm } from 'node:fs/promises';
import { begin } from '../durable/begun.ts';
import type { Begun } from '../durable/begun.ts';
import { explainWriting } from '../durable/explain.ts';
import { exists } from '../durable/files.ts';
import { WhetstoneError } from '../errors.ts';
import { mergeAdapter } from '../models/index.ts';
import type { MergedModel } from '../models/index.ts';
import { folderDigests } from '../runs/digests.ts';
import { resolveMerge } from './merge-settings.ts';
import type { GivenMerge } from './merge-settings.ts';
import type { Note } from '../words/note.ts';
import { verifyMerge } from './verify-merge.ts';
import type { MergeCheck, MergeCheckOptions } from './verify-merge.ts';

/** Settings as `whetstone merge` has them. */
export interface MergeOptions extends GivenMerge {
  /** Stops with `STOPPED`; weight files that are whole are kept. */
  readonly signal?: AbortSignal | undefined;
  /** Hears how many bytes of weights are written. */
  readonly onProgress?: ((done: number, total: number) => void) | undefined;
  /** Hears what a person should know of the base model. */
  readonly onNote?: ((note: Note) => void) | undefined;
  /** In place of the engine on ONNX Runtime. */
  readonly openEngine?: MergeCheckOptions['openEngine'] | undefined;
}

export interface Merge {
  /** Null where the merged model was there already, and was only checked. */
  readonly written: MergedModel | null;
  readonly check: MergeCheck;
}

/** A line of the journal; the first one, which says what was begun, has no file. */
interface WholeFile {
  readonly file?: string;
}

/**
 * Writes the base model with the adapter folded in as a complete Hugging Face folder in the base's own dtype, once its
 * log-probs have been compared with those of the unmerged pair.
 *
 * Throws WhetstoneError `INVALID_OPTIONS`, `OUT_EXISTS`, `RESUME_MISMATCH`, `STOPPED`, `MERGE_MISMATCH`, and what `mergeAdapter` throws.
 */
export async function merge(options: MergeOptions): Promise<Merge> {
  const resolved = resolveMerge(options);
  const { model, adapter, out, resume, overwrite } = resolved;
  const facts = { model: await folderDigests(model), adapter: await folderDigests(adapter) };
  const settings = { what: 'weight files', facts, resume, overwrite };
  const begun = await begin<WholeFile>(out, wholeFile, settings);
  const verify = (dir: string): Promise<MergeCheck> =>
    verifyMerge(model, adapter, dir, {
      ...computeOf(resolved),
      ...(options.openEngine && { openEngine: options.openEngine }),
      ...(options.onNote && { onNote: options.onNote }),
    });
  const folder = `${begun.out}.partial`;
  const files = begun.journal.records.map(({ file }) => file).filter((file) => file !== undefined);
  // A kill between the last two steps leaves the model in its place, and the journal.
  const inPlace = files.length > 0 && !(await exists(folder)) && (await exists(begun.out));
  try {
    if (begun.whole || inPlace) {
      const check = await verify(begun.out);
      await begun.finish();
      return { written: null, check };
    }
    if (files.length === 0) {
      const clear = (): Promise<void> => rm(folder, { recursive: true, force: true });
      await explainWriting(begun.out, clear, { until: folder });
    }
    return await write(begun, folder, new Set(files), options, verify);
  } finally {
    await begun.close();
  }
}

async function write(
  { out, journal, replaces, finish }: Begun<WholeFile>,
  folder: string,
  whole: ReadonlySet<string>,
  { model, adapter, signal, onProgress }: MergeOptions,
  verify: (dir: string) => Promise<MergeCheck>,
): Promise<Merge> {
  let check: MergeCheck | undefined;
  try {
    const written = await mergeAdapter(model, adapter, out, {
      ...(onProgress && { onProgress }),
      signal,
      kept: {
        folder,
        has: (name) => whole.has(name),
        keep: (file) => journal.append({ file }),
        replace: replaces,
      },
      check: async (dir) => {
        check = await verify(dir);
      },
    });
    await finish();
    return { written, check: check! };
  } catch (error) {
    // What an abort or a disk that takes no more leaves is worth going on with; nothing else is.
    if (!(error instanceof WhetstoneError && keeps.has(error.code))) {
      await rm(folder, { recursive: true, force: true }).catch(() => undefined);
      await finish().catch(() => undefined);
    }
    throw error;
  }
}

const keeps = new Set(['STOPPED', 'DISK_FULL', 'WRITE_FAILED']);

const wholeFile = (value: unknown): WholeFile | null =>
  typeof (value as Partial<WholeFile> | null)?.file === 'string' ? (value as WholeFile) : null;
