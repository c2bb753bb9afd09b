import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { fromFloat32, readSafetensorsHeader, readTensorBytes, toFloat32 } from './safetensors.ts';
import { writeSafetensors } from './safetensors-writer.ts';
import type { TensorSource } from './safetensors-writer.ts';

let folder: string;
beforeAll(async () => (folder = await mkdtemp(join(tmpdir(), 'whetstone-safetensors-'))));
afterAll(() => rm(folder, { recursive: true, force: true }));
let files = 0;
const freshFile = (): string => join(folder, `${files++}.safetensors`);

const elementBytes = { F32: 4, F16: 2, I64: 8, U8: 1 };

/** Splits bytes into pieces of uneven sizes. */
function* pieces(bytes: Uint8Array, size: number): Generator<Uint8Array> {
  for (let at = 0, n = 1; at < bytes.length; at += n, n = (n % size) + 1) yield bytes.subarray(at, at + n);
}

const tensor = fc
  .record({
    dtype: fc.constantFrom('F32' as const, 'F16' as const, 'I64' as const, 'U8' as const),
    shape: fc.array(fc.integer({ min: 0, max: 5 }), { maxLength: 3 }),
  })
  .chain(({ dtype, shape }) => {
    const length = shape.reduce((a, b) => a * b, elementBytes[dtype]);
    return fc.record({
      dtype: fc.constant(dtype),
      shape: fc.constant(shape),
      bytes: fc.uint8Array({ minLength: length, maxLength: length }),
    });
  });

describe('writeSafetensors', () => {
  it('writes what the reader reads, aligned to the element size and without gaps', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.dictionary(fc.string({ minLength: 1, maxLength: 8 }), tensor, { maxKeys: 6 }),
        fc.integer({ min: 1, max: 7 }),
        async (given, size) => {
          const { __metadata__, ...tensors } = given;
          void __metadata__;
          const file = freshFile();
          const sources = new Map<string, TensorSource>(
            Object.entries(tensors).map(([name, { dtype, shape, bytes }]) => [
              name,
              { dtype, shape, length: bytes.length, chunks: () => pieces(bytes, size) },
            ]),
          );
          const written = await writeSafetensors(file, sources, { format: 'pt' });
          expect(written).toBe((await readFile(file)).length);
          const header = await readSafetensorsHeader(file);
          expect(header.metadata).toEqual({ format: 'pt' });
          expect([...header.tensors.keys()].sort()).toEqual(Object.keys(tensors).sort());
          const sorted = [...header.tensors].sort(
            ([, a], [, b]) => a.offset - b.offset || a.length - b.length,
          );
          let end = sorted[0]?.[1].offset ?? written;
          for (const [name, info] of sorted) {
            expect(info.offset).toBe(end);
            end += info.length;
            if (info.length > 0) expect(info.offset % elementBytes[tensors[name]!.dtype]).toBe(0);
            expect({ ...info, bytes: await readTensorBytes(file, info) }).toMatchObject(tensors[name]!);
          }
          expect(end).toBe(written);
        },
      ),
      { numRuns: 60 },
    );
  });

  it('never overwrites a file', async () => {
    const file = freshFile();
    await writeSafetensors(file, new Map());
    await expect(writeSafetensors(file, new Map())).rejects.toThrow('EEXIST');
  });

  it('notices a source that gives fewer bytes than it announced', async () => {
    const source = { dtype: 'U8', shape: [4], length: 4, chunks: () => [new Uint8Array(3)] };
    await expect(writeSafetensors(freshFile(), new Map([['x', source]]))).rejects.toThrow(
      /announced with 4 bytes and gave 3/,
    );
  });
});

describe('half-precision conversion', () => {
  const where = { file: 'f', field: 't' };
  const through = (values: Float32Array): Float32Array => toFloat32(fromFloat32(values, 'F16'), 'F16', where);

  it('keeps every half-precision number', () => {
    const bits = Uint16Array.from({ length: 1 << 16 }, (_, i) => i);
    const floats = toFloat32(new Uint8Array(bits.buffer), 'F16', where);
    const back = new Uint16Array(fromFloat32(floats, 'F16').buffer);
    back.forEach((found, i) => {
      if (Number.isNaN(floats[i]!)) expect(found & 0x7c00).toBe(0x7c00);
      else if (found !== i) expect.unreachable(`${i} became ${found}`);
    });
  });

  it('rounds to the nearest number, ties to even', () => {
    const ulp = (x: number): number => 2 ** (Math.max(-14, Math.floor(Math.log2(Math.abs(x)))) - 10);
    fc.assert(
      fc.property(fc.float({ noNaN: true, min: -65504, max: 65504 }), (x) => {
        const [found] = through(Float32Array.of(x));
        const off = Math.abs(found! - x);
        expect(off).toBeLessThanOrEqual(ulp(x) / 2);
        if (off === ulp(x) / 2 && x !== 0) expect(Math.abs(found! / ulp(x)) % 2).toBe(0);
      }),
    );
    const edges = Float32Array.of(65519, 65520, 2 ** -25, 3 * 2 ** -25, 1 + 2 ** -11, 1 + 3 * 2 ** -11, -0);
    expect([...through(edges)]).toEqual([65504, Infinity, 0, 2 ** -23, 1, 1 + 2 ** -9, -0]);
  });
});
