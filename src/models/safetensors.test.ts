// The safetensors format: round trips, rounding of halves bit for bit, damaged files.
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { failureOf, rawSafetensors, temporaryFolders } from './model-files.test-helper.ts';
import type { StoredTensor } from './safetensors.ts';
import {
  encodeSafetensors,
  fromFloat32,
  readSafetensorsHeader,
  readTensorBytes,
  toFloat32,
} from './safetensors.ts';

const newFolder = temporaryFolders();
const where = { file: 'f', field: 't' };
const parameters = { seed: 11, numRuns: 40 };

const elementBytes: Record<string, number> = {
  F64: 8,
  I64: 8,
  U64: 8,
  F32: 4,
  I32: 4,
  U32: 4,
  F16: 2,
  BF16: 2,
  I16: 2,
  U16: 2,
  I8: 1,
  U8: 1,
  BOOL: 1,
  F8_E4M3: 1,
  F8_E5M2: 1,
};

const tensor: fc.Arbitrary<StoredTensor> = fc
  .record({
    dtype: fc.constantFrom(...Object.keys(elementBytes)),
    shape: fc.array(fc.nat(4), { maxLength: 3 }),
  })
  .chain(({ dtype, shape }) => {
    const length = shape.reduce((a, b) => a * b, elementBytes[dtype]!);
    return fc.uint8Array({ minLength: length, maxLength: length }).map((bytes) => ({ dtype, shape, bytes }));
  });

describe('files', () => {
  it('come back as they were written: names, dtypes, shapes, bytes and metadata', async () => {
    const file = join(newFolder(), 'a.safetensors');
    const names = fc
      .string({ unit: 'grapheme' })
      .filter((name) => name !== '__metadata__' && name !== '__proto__');
    const text = fc.string().filter((key) => key !== '__proto__');
    await fc.assert(
      fc.asyncProperty(
        fc.dictionary(names, tensor),
        fc.dictionary(text, fc.string()),
        async (tensors, metadata) => {
          writeFileSync(file, encodeSafetensors(new Map(Object.entries(tensors)), metadata));
          const header = await readSafetensorsHeader(file);
          expect(header.metadata).toEqual({ ...metadata });
          expect([...header.tensors.keys()].sort()).toEqual(Object.keys(tensors).sort());
          for (const [name, { dtype, shape, bytes }] of Object.entries(tensors)) {
            const info = header.tensors.get(name)!;
            expect({ dtype: info.dtype, shape: info.shape }).toEqual({ dtype, shape });
            expect(await readTensorBytes(file, info)).toEqual(bytes);
          }
        },
      ),
      parameters,
    );
  });

  it('begin their data at a multiple of 8 bytes', () => {
    for (const name of ['a', 'ab', 'abc', 'ü', '文字']) {
      const bytes = encodeSafetensors(
        new Map([[name, { dtype: 'U8', shape: [1], bytes: Uint8Array.of(7) }]]),
      );
      expect(Number(new DataView(bytes.buffer).getBigUint64(0, true)) % 8).toBe(0);
      expect(bytes.at(-1)).toBe(7);
    }
  });

  it('may hold dtypes that nobody knows yet', async () => {
    const file = join(newFolder(), 'a.safetensors');
    writeFileSync(
      file,
      rawSafetensors('{"t":{"dtype":"F4_X","shape":[3],"data_offsets":[0,2]}}', new Uint8Array(2)),
    );
    expect((await readSafetensorsHeader(file)).tensors.get('t')).toMatchObject({ dtype: 'F4_X', length: 2 });
  });
});

/** Bit pattern of the nearest number that a format with these sizes can hold; ties go to the even pattern. */
function nearest(value: number, exponentBits: number, fractionBits: number): number {
  const sign = value < 0 || Object.is(value, -0) ? 1 << (exponentBits + fractionBits) : 0;
  const infinity = ((1 << exponentBits) - 1) << fractionBits;
  const valueOf = (bits: number): number => {
    const bias = (1 << (exponentBits - 1)) - 1;
    const exponent = bits >> fractionBits;
    const fraction = (bits & ((1 << fractionBits) - 1)) / 2 ** fractionBits;
    // The pattern of infinity stands for the number that would follow the largest one.
    return exponent === 0 ? fraction * 2 ** (1 - bias) : (1 + fraction) * 2 ** (exponent - bias);
  };
  const magnitude = Math.abs(value);
  let [low, high] = [0, infinity];
  if (magnitude >= valueOf(high)) return sign | infinity;
  while (high - low > 1) {
    const middle = (low + high) >> 1;
    if (valueOf(middle) <= magnitude) low = middle;
    else high = middle;
  }
  const [below, above] = [magnitude - valueOf(low), valueOf(high) - magnitude];
  const chosen = below < above || (below === above && low % 2 === 0) ? low : high;
  return sign | chosen;
}

const formats = [
  { dtype: 'F16', exponentBits: 5, fractionBits: 10 },
  { dtype: 'BF16', exponentBits: 8, fractionBits: 7 },
] as const;

describe.each(formats)('$dtype', ({ dtype, exponentBits, fractionBits }) => {
  const bitsOf = (values: readonly number[]): number[] => [
    ...new Uint16Array(fromFloat32(Float32Array.from(values), dtype).slice().buffer),
  ];
  const valuesOf = (bits: readonly number[]): Float32Array =>
    toFloat32(new Uint8Array(Uint16Array.from(bits).buffer), dtype, where);
  const infinity = ((1 << exponentBits) - 1) << fractionBits;
  const isNaNPattern = (bits: number): boolean => (bits & 0x7fff) > infinity;

  it('holds every one of its numbers exactly, both ways', () => {
    const patterns = Array.from({ length: 1 << 16 }, (_, bits) => bits);
    const values = valuesOf(patterns);
    const back = bitsOf([...values]);
    for (const bits of patterns) {
      if (isNaNPattern(bits)) {
        if (!Number.isNaN(values[bits]) || !isNaNPattern(back[bits]!))
          throw new Error(`pattern ${bits} is a NaN`);
      } else if (back[bits] !== bits) {
        throw new Error(`pattern ${bits} reads as ${values[bits]} and is written as ${back[bits]}`);
      }
    }
    expect(values[infinity]).toBe(Infinity);
    expect(values[infinity | 0x8000]).toBe(-Infinity);
    expect(Object.is(values[0x8000], -0)).toBe(true);
  });

  it('rounds to nearest, ties to even, between any two neighbours', () => {
    // Halfway between neighbours, and one float32 to either side.
    const word = new Uint32Array(1);
    const float = new Float32Array(word.buffer);
    const nextTo = (value: number, by: number): number => {
      float[0] = value;
      word[0]! += by;
      return float[0];
    };
    for (let bits = 0; bits < infinity; bits += dtype === 'F16' ? 7 : 31) {
      const [low, high] = valuesOf([bits, bits + 1]) as unknown as [number, number];
      const upper = Number.isFinite(high) ? high : low + (low - valuesOf([bits - 1])[0]!);
      const middle = (low + upper) / 2;
      if (Math.fround(middle) !== middle) continue;
      const samples = [middle, nextTo(middle, 1), nextTo(middle, -1)].flatMap((x) => [x, -x]);
      expect(bitsOf(samples)).toEqual(samples.map((x) => nearest(x, exponentBits, fractionBits)));
    }
  });

  it('rounds any float32 as the definition says', () => {
    fc.assert(
      fc.property(fc.array(fc.float({ noNaN: true }), { maxLength: 50 }), (values) => {
        expect(bitsOf(values)).toEqual(values.map((x) => nearest(x, exponentBits, fractionBits)));
      }),
      { seed: 11, numRuns: 200 },
    );
    const edges = [
      0,
      -0,
      65504,
      65519.996,
      65520,
      2 ** -24,
      2 ** -25,
      2 ** -25 * (1 + 2 ** -23),
      2 ** -14,
      1e-45,
      3.4e38,
    ];
    const words = edges.map(Math.fround);
    expect(bitsOf(words)).toEqual(words.map((x) => nearest(x, exponentBits, fractionBits)));
  });

  it('keeps infinities and NaN', () => {
    const [plus, minus, nan] = bitsOf([Infinity, -Infinity, NaN]);
    expect([plus, minus]).toEqual([infinity, infinity | 0x8000]);
    expect(isNaNPattern(nan!)).toBe(true);
    // A NaN whose payload lies in the bits that are cut off must not become an infinity.
    const quiet = new Float32Array(Uint32Array.of(0x7f800001, 0xffffffff).buffer);
    const written = new Uint16Array(fromFloat32(quiet, dtype).slice().buffer);
    expect([...written].map(isNaNPattern)).toEqual([true, true]);
  });
});

it('reads and writes float32 bit for bit, and refuses what is no float', async () => {
  const words = Uint32Array.of(0, 0x80000000, 1, 0x7f800000, 0x3f800001);
  const bytes = fromFloat32(new Float32Array(words.buffer), 'F32');
  expect(new Uint32Array(toFloat32(bytes, 'F32', where).slice().buffer)).toEqual(words);
  const error = await failureOf(() =>
    toFloat32(new Uint8Array(8), 'I64', { file: 'a.safetensors', field: 'w' }),
  );
  expect(error.code).toBe('SAFETENSORS');
  expect(error.message).toMatch(/^a\.safetensors, field "w": has dtype I64; expected F32, F16 or BF16/);
});

describe('a damaged file gives an error that names it', () => {
  const entry = (more: object): string =>
    JSON.stringify({ t: { dtype: 'F32', shape: [2], data_offsets: [0, 8], ...more } });
  const eight = new Uint8Array(8);
  const two = (ranges: Record<string, [number, number]>): string =>
    JSON.stringify(
      Object.fromEntries(
        Object.entries(ranges).map(([name, range]) => [
          name,
          { dtype: 'F32', shape: [2], data_offsets: range },
        ]),
      ),
    );
  const damages: [string, Uint8Array, RegExp][] = [
    ['empty', new Uint8Array(0), /has 0 bytes, too few for a header/],
    ['shorter than the prefix', new Uint8Array(7), /has 7 bytes, too few/],
    [
      'header longer than the file',
      Uint8Array.of(100, 0, 0, 0, 0, 0, 0, 0, 123),
      /a header of 100 bytes in a file of 9/,
    ],
    ['header of absurd length', new Uint8Array(16).fill(255), /announces a header/],
    ['header that is not JSON', rawSafetensors('{"t":'), /a header that is not JSON/],
    ['header that is null', rawSafetensors('null'), /a header that is no JSON object/],
    ['header that is a list', rawSafetensors('[1]'), /a header that is no JSON object/],
    ['entry that is null', rawSafetensors('{"t":null}'), /describes tensor "t" incompletely/],
    ['no dtype', rawSafetensors(entry({ dtype: undefined }), eight), /describes tensor "t" incompletely/],
    ['no shape', rawSafetensors(entry({ shape: 2 }), eight), /incompletely/],
    ['a negative size', rawSafetensors(entry({ shape: [-2] }), eight), /incompletely/],
    ['a broken size', rawSafetensors(entry({ shape: ['2'] }), eight), /incompletely/],
    ['one offset', rawSafetensors(entry({ data_offsets: [0] }), eight), /incompletely/],
    ['a negative offset', rawSafetensors(entry({ data_offsets: [-8, 0] }), eight), /incompletely/],
    ['offsets in reverse', rawSafetensors(entry({ data_offsets: [8, 0] }), eight), /incompletely/],
    [
      'more bytes than the shape needs',
      rawSafetensors(entry({ shape: [1] }), eight),
      /"t" 8 bytes where its shape needs 4/,
    ],
    [
      'fewer bytes than the shape needs',
      rawSafetensors(entry({ shape: [3] }), eight),
      /"t" 8 bytes .* needs 12/,
    ],
    [
      'two tensors that share bytes',
      rawSafetensors(two({ a: [0, 8], b: [4, 12] }), new Uint8Array(12)),
      /gives tensors "a" and "b" the same bytes/,
    ],
    [
      'two tensors on the same bytes',
      rawSafetensors(two({ b: [0, 8], a: [0, 8] }), eight),
      /gives tensors "b" and "a" the same bytes/,
    ],
    [
      'a tensor inside another',
      rawSafetensors(
        JSON.stringify({
          small: { dtype: 'F32', shape: [1], data_offsets: [4, 8] },
          large: { dtype: 'F32', shape: [4], data_offsets: [0, 16] },
        }),
        new Uint8Array(16),
      ),
      /gives tensors "large" and "small" the same bytes/,
    ],
    [
      'a name twice',
      rawSafetensors(`${entry({}).slice(0, -1)},${entry({}).slice(1)}`, eight),
      /has "t" twice in its header/,
    ],
    [
      'a name twice in two spellings',
      rawSafetensors(`${entry({}).slice(0, -1)},${entry({}).slice(1).replace('"t"', '"\\u0074" \n')}`, eight),
      /has "t" twice in its header/,
    ],
    [
      'a field twice',
      rawSafetensors(entry({}).replace('"dtype"', '"dtype":"I32","dtype"'), eight),
      /has "dtype" twice in its header/,
    ],
    ['metadata that is a number', rawSafetensors('{"__metadata__":7}'), /"__metadata__" that is no object of texts/],
    ['metadata of numbers', rawSafetensors('{"__metadata__":{"a":1}}'), /"__metadata__" that is no object of texts/],
    [
      'data cut off',
      rawSafetensors(entry({}), new Uint8Array(5)),
      /ends at byte \d+, but tensor "t" reaches to byte \d+/,
    ],
  ];

  it.each(damages)('%s', async (_, bytes, message) => {
    const file = join(newFolder(), 'model.safetensors');
    writeFileSync(file, bytes);
    const error = await failureOf(() => readSafetensorsHeader(file));
    expect(error.code).toBe('SAFETENSORS');
    expect(error.place.file).toBe(file);
    expect(error.message).toMatch(message);
    expect(error.hint).toMatch(/damaged or incomplete/);
  });

  it('missing', async () => {
    const file = join(newFolder(), 'model.safetensors');
    const error = await failureOf(() => readSafetensorsHeader(file));
    expect([error.code, error.place.file]).toEqual(['SAFETENSORS', file]);
  });

  it('a folder', async () => {
    const error = await failureOf(() => readSafetensorsHeader(newFolder()));
    expect(error.code).toBe('SAFETENSORS');
    expect(error.message).toMatch(/cannot be read: a folder is there, not a file/);
  });

  it('but names with quotes, braces and colons are names, and null is no metadata', async () => {
    const file = join(newFolder(), 'model.safetensors');
    const names = ['"', '{"a":', '}', '\\"', 'a":"b'];
    const json = Object.fromEntries(
      names.map((name, i) => [name, { dtype: 'U8', shape: [1], data_offsets: [i, i + 1] }]),
    );
    const header = JSON.stringify({ __metadata__: null, ...json, none: { dtype: 'U8', shape: [0], data_offsets: [2, 2] } });
    writeFileSync(file, rawSafetensors(header, new Uint8Array(names.length)));
    const { tensors, metadata } = await readSafetensorsHeader(file);
    expect([...tensors.keys()]).toEqual([...names, 'none']);
    expect(metadata).toEqual({});
  });

  it('cut off after its header was read', async () => {
    const file = join(newFolder(), 'model.safetensors');
    writeFileSync(file, rawSafetensors(entry({}), eight));
    const info = (await readSafetensorsHeader(file)).tensors.get('t')!;
    writeFileSync(file, rawSafetensors(entry({}), new Uint8Array(3)));
    expect((await failureOf(() => readTensorBytes(file, info))).message).toMatch(/ends early/);
  });
});
