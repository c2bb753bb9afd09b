// What codes of frozen matrices are multiplied in. Kernels in whole numbers are fast where the processor has instructions
// for them, so that products are timed before they are used. Generation, of few rows at a time, multiplies the codes as they
// are stored; training and scoring, of many, have codes of their own for both directions.
import { WhetstoneError } from '../errors.ts';
import type { Arithmetic, Tensor } from '../graph/index.ts';
import {
  constant,
  dim,
  expandTo,
  input,
  linear,
  multiplyCodes,
  multiplyRows,
  multiplyWhole,
} from '../graph/index.ts';
import type { Checkpoint } from '../models/index.ts';
import { bindWeights, productOperands } from '../models/index.ts';
import { note } from '../words/note.ts';
import type { Note } from '../words/note.ts';
import type { EngineModel } from './model.ts';
import type { Session, SessionSettings } from './session.ts';
import { compile } from './session.ts';

type Place = Pick<EngineModel, 'checkpoint' | 'threads' | 'device'>;

export interface ChosenArithmetic {
  /** What generation multiplies codes in. */
  readonly arithmetic: Arithmetic;
  /** Whether training and scoring multiply in whole numbers, too. */
  readonly products: boolean;
  readonly notes: readonly Note[];
}

/**
 * The arithmetic that was asked for, or float32 where int8 is slower here; a note says which. Throws `ENGINE_OPTIONS`
 * where int8 is asked for and the model has no codes.
 */
export async function chooseArithmetic(
  place: Place,
  asked: Arithmetic = 'float32',
): Promise<ChosenArithmetic> {
  if (asked === 'float32') return { arithmetic: 'float32', products: false, notes: [] };
  const name = someCodes(place.checkpoint);
  if (name === undefined) {
    throw new WhetstoneError('ENGINE_OPTIONS', 'arithmetic in int8 is for frozen weights in few bits', {
      field: 'base_compute',
      hint: 'Store them so: --base_dtype int8 or --base_dtype int4.',
    });
  }
  const say = (arithmetic: Arithmetic, text: string): ChosenArithmetic => ({
    arithmetic,
    products: arithmetic === 'int8',
    notes: [note('ARITHMETIC', text)],
  });
  if (place.device !== 'cpu') {
    return say(
      'float32',
      `Computes with float32 arithmetic: int8 is for the device cpu, not ${place.device}.`,
    );
  }
  const [int8, float32] = await timesOf(place, name);
  const times = `a product takes ${inWords(int8)} in int8 and ${inWords(float32)} in float32 here`;
  if (int8 > clearly * float32) {
    return say('float32', `Computes with float32 arithmetic although int8 was asked for: ${times}.`);
  }
  return (await multipliesWhole(place.threads))
    ? say('int8', `Computes with int8 arithmetic: ${times}.`)
    : {
        ...say(
          'int8',
          `Generates with int8 arithmetic: ${times}. Trains and scores in float32, since products of many rows are slower or inexact in int8 on this processor.`,
        ),
        products: false,
      };
}

/**
 * Whether generation uses the kernel that reads codes, in place of dequantizing them for each product. In float32 the
 * kernel is fast for int4 alone (dev/LOG.md).
 */
export const readsCodes = ({
  checkpoint,
  device,
  arithmetic,
}: Pick<EngineModel, 'checkpoint' | 'device' | 'arithmetic'>): boolean => {
  const name = someCodes(checkpoint);
  if (name === undefined || device !== 'cpu') return false;
  return arithmetic === 'int8' || checkpoint.weights.get(name)!.quantized!.dtype === 'int4';
};

/**
 * The graph as training and scoring run it: compiled with frozen products in whole numbers where the model multiplies so.
 * Their codes are made when first needed, and kept beside those of the weights.
 */
export async function compileForRows(
  { checkpoint, products, threads, device, wholeBatches }: EngineModel,
  outputs: Readonly<Record<string, Tensor>>,
  settings: Pick<SessionSettings, 'prepack' | 'profile'>,
): Promise<Session> {
  // Where one sequence fills a run, values are so large that asking the system for each costs nothing beside the work.
  const place = { ...settings, root: checkpoint.root, threads, device, keepsMemory: wholeBatches };
  if (!products) return compile(outputs, place);
  const find = productOperands(await products());
  // The kernel multiplies codes in its own order; in theirs it is several times slower.
  return compile(multiplyWhole(outputs, find), { ...place, prepack: true });
}

/** Side of the square product that is tried, and its rows. */
const [trySize, tryRows] = [512, 256];

/**
 * Whether products in whole numbers are right here, and not clearly slower than in float32. Processors without
 * instructions for sums of four products add pairs in 16 bits, which overflow at the largest codes.
 */
async function multipliesWhole(threads: number): Promise<boolean> {
  const x = input('x', 'float32', [tryRows, trySize]);
  const matrix = input('w', 'float32', [trySize, trySize]);
  const codes = expandTo(constant([127], 'int8', [1, 1]), [trySize, trySize]);
  const scales = constant(new Array<number>(trySize).fill(1), 'float32');
  const data = new Float32Array(tryRows * trySize).fill(1);
  const feeds = { x: { data, dims: [tryRows, trySize] } };
  const w = { data: new Float32Array(trySize * trySize), dims: [trySize, trySize] };
  const whole = await compile({ y: multiplyRows(x, { codes, scales }) }, { threads, prepack: true });
  const plain = await compile({ y: linear(x, matrix) }, { threads, prepack: true });
  const [{ y }, fastest] = await fewestMilliseconds([
    () => whole.run(feeds),
    () => plain.run({ ...feeds, w }),
  ]);
  await whole.release();
  await plain.release();
  const exact = y!.every((value) => Math.abs(value / (127 * trySize) - 1) < 1e-4);
  return exact && fastest[0]! <= clearly * fastest[1]!;
}

/** The name of a matrix in few bits, of a layer if there is one. */
function someCodes({ weights }: Checkpoint): string | undefined {
  const names = [...weights].filter(([, { quantized }]) => quantized).map(([name]) => name);
  return names.find((name) => name.includes('.mlp.')) ?? names[0];
}

/** Slower by so much is slower; less may be chance, and what a model computes must not hang on that. */
const clearly = 1.25;

/** Rounds of the timing: the fewest milliseconds of many hardly depend on what else runs. */
const rounds = 20;

/** Rows of the product that is timed: those of a few sequences side by side. */
const timedRows = 8;

/** Fewest milliseconds of the product in int8, and in float32 as generation would otherwise have it. */
async function timesOf(place: Place, name: string): Promise<[int8: number, float32: number]> {
  const { checkpoint, threads } = place;
  const [rows, columns] = checkpoint.weights.get(name)!.shape as readonly [number, number];
  const weights = bindWeights(checkpoint, { kind: 'none' }, { training: false });
  const x = input('x', 'float32', [dim('rows'), columns]);
  const plain = { y: linear(x, weights.matrix(name, rows, columns)) };
  const isReading = readsCodes({ ...place, arithmetic: 'float32' });
  const sides = [multiplyCodes(plain, 'int8'), isReading ? multiplyCodes(plain, 'float32') : plain];
  const data = Float32Array.from({ length: timedRows * columns }, (_, i) => Math.sin(i));
  const sessions = [];
  for (const side of sides)
    sessions.push(await compile(side, { root: checkpoint.root, threads, prepack: true }));
  const feeds = { x: { data, dims: [timedRows, columns] } };
  const [, best] = await fewestMilliseconds(sessions.map((session) => () => session.run(feeds)));
  for (const session of sessions) await session.release();
  return best as [number, number];
}

/** What the first of some runs gives, and the fewest milliseconds of each, taken in turns. */
async function fewestMilliseconds<T>(runs: readonly (() => Promise<T>)[]): Promise<[T, readonly number[]]> {
  const first = await runs[0]!();
  const best = runs.map(() => Infinity);
  for (let round = 0; round < rounds; round++) {
    for (const [i, run] of runs.entries()) {
      const began = performance.now();
      await run();
      best[i] = Math.min(best[i]!, performance.now() - began);
    }
  }
  return [first, best];
}

const inWords = (milliseconds: number): string => `${milliseconds.toFixed(2)} ms`;
