// The real bench: the world, the engine, cells on disk. Made from plain data, so that another process can make the
// same one.
import { createHash } from 'node:crypto';
import { align } from '../../src/alignment/align.ts';
import { WhetstoneError } from '../../src/errors.ts';
import { readTriplets } from '../../src/judgments/read.ts';
import { createRandom } from '../../src/random.ts';
import { drawTasks, judge, worldTemplate } from '../world/index.ts';
import type { Split } from '../world/index.ts';
import type { Bench } from './bench.ts';
import { openCells } from './cells.ts';
import type { Surroundings } from './experiment.ts';
import { canonicalJson } from './experiment.ts';

/** Everything that a process needs to run experiments; survives JSON. */
export interface BenchSetup {
  readonly out: string;
  readonly surroundings: Surroundings;
  /** Folders of given models by name. */
  readonly models: Readonly<Record<string, string>>;
  readonly template: string;
  readonly data: string | null;
  readonly threads: number | null;
}

export async function openBench(setup: BenchSetup, signal?: AbortSignal): Promise<Bench> {
  const cells = await openCells(setup.out, setup.surroundings);
  return {
    world: { drawTasks, judge },
    template: setup.template,
    modelDir: ({ name }) => setup.models[name]!,
    resultOf: async (experiment) => {
      const cell = await cells.read(experiment);
      if (cell && 'result' in cell) return cell.result;
      throw new WhetstoneError('CELL_MISSING', 'a result that this experiment needs is not there any more', {
        file: cells.dir,
        hint: 'Was the folder changed meanwhile? Run the command again.',
      });
    },
    readTriplets: async () => (await readTriplets(setup.data!)).triplets,
    align,
    threads: setup.threads,
    signal,
  };
}

let fingerprint: string | undefined;

/** Changes whenever the world's instructions, its template or its judge's errors and wordings do. */
export function worldFingerprint(): string {
  return (fingerprint ??= readWorld());
}

function readWorld(): string {
  const splits: readonly Split[] = ['train', 'development', 'test'];
  const tasks = splits.flatMap((split) => drawTasks(split, 60, 0));
  const verdicts = tasks.flatMap((task, i) =>
    ['', 'I do not know.', `the answer is ${i}`].map((text) => judge(task, text, createRandom(0, i))),
  );
  const text = canonicalJson({ tasks, verdicts, template: worldTemplate });
  return createHash('sha256').update(text).digest('hex').slice(0, 32);
}
