// Carries out experiments in an order that their needs allow, several at once, keeping each result as it comes.
// Knows cells and who runs them; it does not know what they are for.
import { inParallel } from '../../src/durable/pool.ts';
import type { Cell, CellStore } from './cells.ts';
import type { Experiment, Result } from './experiment.ts';
import { needsOf } from './experiment.ts';

/** Runs experiments somewhere, one at a time. */
export interface Runner {
  run<E extends Experiment>(experiment: E): Promise<Result<E>>;
  stop(): Promise<void>;
}

export type ScheduleEvent =
  /** Before anything runs: how many cells there are, and how many of them were found done. */
  | { readonly kind: 'plan'; readonly total: number; readonly cached: number }
  /** A kept file that cannot be trusted; the cell is computed again. */
  | { readonly kind: 'damaged'; readonly message: string }
  | { readonly kind: 'begin'; readonly experiment: Experiment }
  | {
      readonly kind: 'end';
      readonly experiment: Experiment;
      readonly seconds: number;
      readonly done: number;
      readonly total: number;
      /** Seconds that the rest will take, from those that were computed; null before any was. */
      readonly secondsLeft: number | null;
    };

export interface ScheduleOptions {
  readonly cells: CellStore;
  /** As many as may run at once. */
  readonly runners: readonly Runner[];
  readonly onEvent?: (event: ScheduleEvent) => void;
  readonly signal?: AbortSignal;
}

/**
 * The cells of `experiments` by key, computed where they are not there yet, with everything they need. On the
 * first error nothing new begins; what was computed stays kept, and the error is thrown.
 */
export async function computeCells(
  experiments: readonly Experiment[],
  { cells, runners, onEvent = () => undefined, signal }: ScheduleOptions,
): Promise<Map<string, Cell>> {
  const wanted = new Map(withNeeds(experiments).map((experiment) => [cells.keyOf(experiment), experiment]));
  const done = new Map<string, Cell>();
  for (const [key, experiment] of wanted) {
    const found = await cells.read(experiment);
    if (found === null) continue;
    if ('damaged' in found) onEvent({ kind: 'damaged', message: found.damaged });
    else done.set(key, found);
  }
  const cached = done.size;
  onEvent({ kind: 'plan', total: wanted.size, cached });

  const seconds: number[] = [];
  const idle = [...runners];
  const compute = async ([key, experiment]: readonly [string, Experiment]): Promise<void> => {
    const runner = idle.shift()!;
    onEvent({ kind: 'begin', experiment });
    const began = performance.now();
    const result = await runner.run(experiment);
    const cell = { result, seconds: (performance.now() - began) / 1000 };
    await cells.write(experiment, cell);
    idle.push(runner);
    done.set(key, cell);
    seconds.push(cell.seconds);
    const left = wanted.size - done.size;
    const mean = seconds.reduce((sum, value) => sum + value, 0) / seconds.length;
    onEvent({
      kind: 'end',
      experiment,
      seconds: cell.seconds,
      done: done.size,
      total: wanted.size,
      secondsLeft: (left * mean) / Math.max(1, Math.min(runners.length, left)),
    });
  };
  const pending = [...wanted].filter(([key]) => !done.has(key));
  await inParallel(pending, runners.length, compute, {
    signal,
    ready: ([, experiment]) => needsOf(experiment).every((need) => done.has(cells.keyOf(need))),
  });
  return done;
}

/** The experiments and all they need, needs first, each once. */
function withNeeds(experiments: readonly Experiment[]): Experiment[] {
  return experiments.flatMap((experiment) => [...withNeeds(needsOf(experiment)), experiment]);
}
