// Looks for values that are not finite in a checkpoint before anything is trained on it.
import { open } from 'node:fs/promises';
import { WhetstoneError } from '../errors.ts';
import type { Checkpoint, ComputeDType, StoredWeight } from '../models/index.ts';

const chunkBytes = 8 << 20;

/**
 * Throws `MODEL_WEIGHTS` naming the first float tensor that holds a NaN or an infinity, or what is one in `dtype`.
 * Reads every byte once.
 */
export async function requireFiniteWeights(
  checkpoint: Checkpoint,
  dtype: ComputeDType = 'float32',
): Promise<void> {
  const tests = dtype === 'float16' ? testsForHalf : testsForSingle;
  const words = new Uint32Array(chunkBytes / 4);
  for (const file of checkpoint.files) {
    const handle = await open(file, 'r');
    try {
      for (const [name, info] of checkpoint.weights) {
        const test = info.file === file ? tests[info.dtype] : undefined;
        if (!test) continue;
        for (let done = 0; done < info.length; done += chunkBytes) {
          const bytes = Math.min(chunkBytes, info.length - done);
          words.fill(0, bytes >> 2, (bytes + 3) >> 2);
          await handle.read(words, 0, bytes, info.offset + done);
          const count = (bytes + 3) >> 2;
          if (test(words, count))
            throw (testsForSingle[info.dtype]!(words, count) ? notFinite : tooLarge)(name, info);
        }
      }
    } finally {
      await handle.close();
    }
  }
}

type Test = (words: Uint32Array, count: number) => boolean;

/** Whether any float has all exponent bits set; two halves are tested in one word. */
const testsForSingle: Readonly<Record<string, Test>> = {
  F32: (words, count) => {
    for (let i = 0; i < count; i++) if ((words[i]! & 0x7f800000) === 0x7f800000) return true;
    return false;
  },
  BF16: (words, count) => anyHalf(words, count, 0x7f80),
  F16: (words, count) => anyHalf(words, count, 0x7c00),
};

/** Whether any float rounds to infinity as a half: from 65520 on, which in bfloat16 is 65536. */
const testsForHalf: Readonly<Record<string, Test>> = {
  ...testsForSingle,
  F32: (words, count) => {
    for (let i = 0; i < count; i++) if ((words[i]! & 0x7fffffff) >= 0x477ff000) return true;
    return false;
  },
  BF16: (words, count) => {
    for (let i = 0; i < count; i++) {
      const word = words[i]!;
      if ((word & 0x7fff) >= 0x4780 || ((word >>> 16) & 0x7fff) >= 0x4780) return true;
    }
    return false;
  },
};

function anyHalf(words: Uint32Array, count: number, exponent: number): boolean {
  const high = exponent << 16;
  for (let i = 0; i < count; i++) {
    const word = words[i]!;
    if ((word & exponent) === exponent || (word & high) === high) return true;
  }
  return false;
}

function notFinite(name: string, { file }: StoredWeight): WhetstoneError {
  return new WhetstoneError(
    'MODEL_WEIGHTS',
    `tensor "${name}" holds a value that is not finite (NaN or infinity)`,
    {
      file,
      hint: 'The checkpoint is damaged, or it comes from a run that diverged.',
    },
  );
}

const tooLarge = (name: string, { file }: StoredWeight): WhetstoneError =>
  new WhetstoneError(
    'MODEL_WEIGHTS',
    `tensor "${name}" holds a value that float16 has no number for; it ends at 65504`,
    {
      file,
      hint: 'Leave compute_dtype at float32 for this model.',
    },
  );
