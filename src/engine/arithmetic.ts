// What generation multiplies codes of frozen matrices in. Kernels in whole numbers are fast where the processor has
// instructions for them, so that one product of the model's is timed before they are used.
import { WhetstoneError } from '../errors.ts';
import type { Arithmetic } from '../graph/index.ts';
import { dim, input, linear, multiplyCodes } from '../graph/index.ts';
import type { Checkpoint } from '../models/index.ts';
import { bindWeights } from '../models/index.ts';
import { note } from '../words/note.ts';
import type { Note } from '../words/note.ts';
import type { EngineModel } from './model.ts';
import { compile } from './session.ts';

type Place = Pick<EngineModel, 'checkpoint' | 'threads' | 'device'>;

/**
 * The arithmetic that was asked for, or float32 where int8 is slower here; a note says which. Throws `ENGINE_OPTIONS`
 * where int8 is asked for and the model has no codes.
 */
export async function chooseArithmetic(
  place: Place,
  asked: Arithmetic = 'float32',
): Promise<{ readonly arithmetic: Arithmetic; readonly notes: readonly Note[] }> {
  if (asked === 'float32') return { arithmetic: 'float32', notes: [] };
  const name = someCodes(place.checkpoint);
  if (name === undefined) {
    throw new WhetstoneError('ENGINE_OPTIONS', 'arithmetic in int8 is for frozen weights in few bits', {
      field: 'base_compute',
      hint: 'Store them so: --base_dtype int8 or --base_dtype int4.',
    });
  }
  const say = (arithmetic: Arithmetic, text: string): Awaited<ReturnType<typeof chooseArithmetic>> => ({
    arithmetic,
    notes: [note('ARITHMETIC', text)],
  });
  if (place.device !== 'cpu') {
    return say(
      'float32',
      `Generates with float32 arithmetic: int8 is for the device cpu, not ${place.device}.`,
    );
  }
  const [int8, float32] = await timesOf(place, name);
  const times = `a product takes ${inWords(int8)} in int8 and ${inWords(float32)} in float32 here`;
  return int8 <= clearly * float32
    ? say('int8', `Generates with int8 arithmetic: ${times}.`)
    : say('float32', `Generates with float32 arithmetic although int8 was asked for: ${times}.`);
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
  const best: [number, number] = [Infinity, Infinity];
  for (let round = 0; round < rounds; round++) {
    for (const [i, session] of sessions.entries()) {
      const began = performance.now();
      await session.run({ x: { data, dims: [timedRows, columns] } });
      best[i] = Math.min(best[i]!, performance.now() - began);
    }
  }
  for (const session of sessions) await session.release();
  return best;
}

const inWords = (milliseconds: number): string => `${milliseconds.toFixed(2)} ms`;
