// What an experiment needs besides its description: where models lie, the world, the data, and what runs things.
// Tests put stand-ins behind it.
import type { AlignOptions, AlignmentRun } from '../../src/alignment/align.ts';
import type { Triplet } from '../../src/judgments/triplet.ts';
import type { Random } from '../../src/random.ts';
import type { Split, Task, Verdict } from '../world/index.ts';
import type { Experiment, Model, Result } from './experiment.ts';

/** The world as experiments see it. */
export interface World {
  drawTasks(split: Split, count: number, seed: number, options?: { only?: readonly string[] }): Task[];
  judge(task: Task, answer: string, random: Random): Verdict;
}

export interface Bench {
  readonly world: World;
  /** The template's file, or a name that `loadTemplate` knows. */
  readonly template: string;
  /** Folder of a model. */
  modelDir(this: void, model: Model): string;
  /** Result of an experiment that this one needs. */
  resultOf<E extends Experiment>(experiment: E): Promise<Result<E>>;
  /** The rows of the user's data file. */
  readTriplets(): Promise<readonly Triplet[]>;
  align(options: AlignOptions): AlignmentRun;
  /** Threads of one engine; null leaves it to the engine. */
  readonly threads: number | null;
  readonly signal?: AbortSignal;
}
