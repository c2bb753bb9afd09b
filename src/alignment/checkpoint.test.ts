import fc from 'fast-check';
import { mkdtemp, readFile, rm, truncate, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { readCheckpoint, writeCheckpoint } from './checkpoint.ts';

let dir: string;
beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), 'whetstone-checkpoint-'));
});
afterEach(() => rm(dir, { recursive: true, force: true }));

const state = {
  parameters: Float32Array.of(1, -0, NaN, 1e-45),
  firstMoment: Float32Array.of(2, Infinity, 3, 4),
  secondMoment: Float32Array.of(5, 6, 7, 8),
  step: 12,
};
const bits = (values: Float32Array): number[] => Array.from(new Uint32Array(values.slice().buffer));

describe('checkpoints', () => {
  it('come back bit for bit, subnormals, infinities and NaN included', async () => {
    await fc.assert(
      fc.asyncProperty(fc.float32Array({ maxLength: 20 }), fc.nat(1e6), async (values, step) => {
        const made = {
          parameters: values,
          firstMoment: values.map((v) => v * 2),
          secondMoment: values.map(Math.abs),
          step,
        };
        const own = await mkdtemp(join(dir, 'c-'));
        await writeCheckpoint(own, made, 10);
        const found = await readCheckpoint(own);
        expect(found.step).toBe(step);
        expect(bits(found.parameters)).toEqual(bits(made.parameters));
        expect(bits(found.firstMoment)).toEqual(bits(made.firstMoment));
        expect(bits(found.secondMoment)).toEqual(bits(made.secondMoment));
      }),
      { numRuns: 25 },
    );
  });

  it('are safetensors and say where in the data they stand', async () => {
    await writeCheckpoint(dir, state, 5);
    const bytes = await readFile(join(dir, 'state.safetensors'));
    const header = JSON.parse(bytes.subarray(8, 8 + Number(bytes.readBigUInt64LE())).toString()) as Record<
      string,
      unknown
    >;
    expect(header['second_moment']).toEqual({ dtype: 'F32', shape: [4], data_offsets: [32, 48] });
    expect(JSON.parse(await readFile(join(dir, 'checkpoint.json'), 'utf8'))).toMatchObject({
      step: 12,
      epoch: 2,
      batch_in_epoch: 2,
    });
  });

  it('are refused when a bit has changed, bytes are missing or the record is torn', async () => {
    const path = join(dir, 'state.safetensors');
    await writeCheckpoint(dir, state, 5);
    const whole = await readFile(path);
    const changed = Buffer.from(whole);
    changed[changed.length - 1]! ^= 1;
    await writeFile(path, changed);
    await expect(readCheckpoint(dir)).rejects.toThrow(/checksum differs/);
    await writeFile(path, whole);
    await truncate(path, whole.length - 3);
    await expect(readCheckpoint(dir)).rejects.toThrow(/expected \d+ bytes, found \d+/);
    await truncate(join(dir, 'checkpoint.json'), 20);
    await expect(readCheckpoint(dir)).rejects.toMatchObject({ code: 'BAD_CHECKPOINT' });
  });
});
