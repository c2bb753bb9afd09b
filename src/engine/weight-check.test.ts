// Weights that are not finite are refused before anything runs, by the name of their tensor.
import { readFileSync, writeFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { modelDir } from '../../test/golden/golden.ts';
import { copyModel, failureOf, temporaryFolders } from '../models/model-files.test-helper.ts';
import { openCheckpoint } from '../models/index.ts';
import { openEngine } from './onnx-engine.ts';
import { requireFiniteWeights } from './weight-check.ts';

const newFolder = temporaryFolders();

/** Bit patterns of quiet and signalling NaN and of both infinities. */
const patterns = {
  F32: [0x7fc00000, 0x7f800001, 0x7f800000, 0xff800000],
  F16: [0x7e00, 0x7c01, 0x7c00, 0xfc00],
  BF16: [0x7fc0, 0x7f81, 0x7f80, 0xff80],
} as const;

describe.each([
  ['llama2', 'F32'],
  ['mistral-fp16', 'F16'],
  ['llama3-bf16-sharded', 'BF16'],
] as const)('%s in %s', (model, dtype) => {
  it('passes as it is', async () => {
    await requireFiniteWeights(await openCheckpoint(modelDir(model)));
  });

  it('is refused for any value that is no number, wherever it lies', async () => {
    const width = dtype === 'F32' ? 4 : 2;
    const dir = copyModel(model, newFolder());
    const { weights } = await openCheckpoint(dir);
    const names = [...weights.keys()];
    const chosen = [names[0]!, names[Math.floor(names.length / 2)]!, names.at(-1)!];
    for (const name of chosen) {
      const { file, offset, length } = weights.get(name)!;
      const clean = readFileSync(file);
      for (const pattern of patterns[dtype]) {
        for (const element of [0, 1, length / width - 1]) {
          const bytes = Buffer.from(clean);
          bytes.writeUIntLE(pattern, offset + element * width, width);
          writeFileSync(file, bytes);
          const error = await failureOf(async () => requireFiniteWeights(await openCheckpoint(dir)));
          expect([error.code, error.place.file]).toEqual(['MODEL_WEIGHTS', file]);
          expect(error.message).toContain(`tensor "${name}" holds a value that is not finite`);
        }
      }
      writeFileSync(file, clean);
    }
  });

  it('the engine does not open it', async () => {
    const dir = copyModel(model, newFolder());
    const [name, { file, offset }] = [...(await openCheckpoint(dir)).weights].at(-1)!;
    const bytes = readFileSync(file);
    bytes.writeUIntLE(patterns[dtype][0], offset, dtype === 'F32' ? 4 : 2);
    writeFileSync(file, bytes);
    expect((await failureOf(() => openEngine({ modelDir: dir }))).message).toContain(`"${name}"`);
  });
});

it('takes the largest finite values for what they are', async () => {
  for (const [model, pattern, width] of [
    ['llama2', 0x7f7fffff, 4],
    ['mistral-fp16', 0x7bff, 2],
    ['llama3-bf16-sharded', 0x7f7f, 2],
  ] as const) {
    const dir = copyModel(model, newFolder());
    const { file, offset } = [...(await openCheckpoint(dir)).weights.values()][0]!;
    const bytes = readFileSync(file);
    bytes.writeUIntLE(pattern, offset, width);
    writeFileSync(file, bytes);
    await requireFiniteWeights(await openCheckpoint(dir));
  }
});
