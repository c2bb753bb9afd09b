// One training of a home: from what the journal says that it began with to an adapter that is whole. Gone on with after
// a kill, to the same bytes. Knows runs of align and folders; not what the adapter is compared with.
import { join } from 'node:path';
import { align } from '../alignment/align.ts';
import type { StepRecord } from '../alignment/metrics.ts';
import { remove, writeDirectoryDurably } from '../durable/files.ts';
import type { OpenEngine } from '../engine/engine.ts';
import { computeOf } from '../engine/open-weights.ts';
import { writeTriplets } from '../judgments/index.ts';
import type { Beginning } from './events.ts';
import { copyAdapter, homePaths } from './home.ts';
import type { Home } from './home.ts';
import { tripletOf } from './judgment.ts';
import type { Judgment } from './judgment.ts';

export interface TrainingOptions {
  readonly judgments: ReadonlyMap<string, Judgment>;
  /** PEFT folder of the version to go on from; null for the model as it is. */
  readonly adapter: string | null;
  readonly signal?: AbortSignal | undefined;
  readonly openEngine?: OpenEngine | undefined;
  /** Bytes that the models take that answer meanwhile. */
  readonly beside: number;
  /** Hears how many steps of how many are done, and of each as it ends. */
  readonly onStep: (done: number, total: number, record: StepRecord | null) => void;
}

/** What an adapter brings itself. */
const itsOwn = ['loraR', 'loraAlpha', 'loraTargetModules', 'useRslora'];

/**
 * Trains in trainings/N and puts the adapter into versions/N, whole or not at all. Returns the steps; null where the
 * signal ended it, so that it can be gone on with. Throws what `align` throws.
 */
export async function trainVersion(
  home: Home,
  { version, judgments: ids, settings }: Beginning,
  { judgments, adapter, signal, openEngine, beside, onStep }: TrainingOptions,
): Promise<number | null> {
  const rows = homePaths.rows(home.path, version);
  // What it learns from is settled in the journal, whatever was taken back since.
  await writeTriplets(
    rows,
    ids.map((id) => tripletOf(judgments.get(id)!)),
    { overwrite: true },
  );
  const out = homePaths.training(home.path, version);
  const own = Object.entries(settings).filter(([key]) => adapter === null || !itsOwn.includes(key));
  const run = align({
    ...Object.fromEntries(own),
    ...computeOf(home.settings),
    model: home.settings.model,
    adapter,
    data: rows,
    template: home.template.spec,
    templateArgs: Object.keys(home.template.args).length === 0 ? null : home.template.args,
    out,
    checked: true,
    beside,
    resume: true,
    ...(signal && { signal }),
    ...(openEngine && { openEngine }),
  });
  try {
    const { totalSteps, doneSteps } = await run.prepare();
    onStep(doneSteps, totalSteps, null);
    let done = doneSteps;
    for await (const record of run) {
      done = record.step;
      onStep(done, totalSteps, record);
    }
    if (done < totalSteps || signal?.aborted) return null;
    await writeDirectoryDurably(homePaths.version(home.path, version), (dir) =>
      copyAdapter(join(out, 'adapter'), dir),
    );
    return totalSteps;
  } finally {
    await run.dispose();
  }
}

/** Takes away what a training that has ended needed to go on; its metrics stay. */
export const tidyTraining = (home: string, version: number): Promise<void> =>
  remove(join(homePaths.training(home, version), 'checkpoints'));
