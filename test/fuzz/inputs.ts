// Kinds of hostile input that readers have in common. Knows no reader.
import fc from 'fast-check';

/** JSON values that nobody expects in a field. */
export const strange: fc.Arbitrary<unknown> = fc.oneof(
  fc.constantFrom<unknown>(
    null,
    true,
    false,
    '',
    'linear',
    'yarn',
    '1e9',
    [],
    {},
    [[]],
    { a: {} },
    0,
    -0,
    -1,
    0.5,
  ),
  fc.constantFrom<unknown>(
    1,
    2,
    3,
    7,
    1e9,
    2 ** 31,
    2 ** 53,
    1e300,
    -1e300,
    1e-300,
    5e-324,
    'x'.repeat(5000),
  ),
  fc.constantFrom<unknown>('\u001b[2J\u001b]0;x\u0007', '\u009b31m', '\ud800', '__proto__', {
    __proto__: null,
    toString: 1,
  }),
  fc.double({ noNaN: true, noDefaultInfinity: true }),
  fc.integer({ min: -4, max: 4096 }),
  fc.jsonValue({ maxDepth: 3 }) as fc.Arbitrary<unknown>,
);

/** The file's bytes cut off, with some replaced, put in or doubled, nested without end, or others altogether. */
export function damaged(whole: string | Uint8Array): fc.Arbitrary<Uint8Array> {
  const bytes = Buffer.from(whole);
  const at = fc.nat(bytes.length);
  const piece = fc.oneof(
    fc.uint8Array({ minLength: 1, maxLength: 4 }),
    fc
      .constantFrom(
        '\u001b[2J',
        '\0',
        '"',
        '{',
        '[',
        ']',
        '\ufeff',
        '\r\n',
        '\u2028',
        '1e999',
        '-',
        '&a',
        '*a',
      )
      .map((text) => Buffer.from(text)),
  );
  const replaced = fc.array(fc.tuple(at, piece), { minLength: 1, maxLength: 3 }).map((changes) => {
    const copy = Buffer.from(bytes);
    for (const [start, put] of changes) copy.set(Buffer.from(put).subarray(0, copy.length - start), start);
    return copy;
  });
  const inserted = fc
    .tuple(at, piece)
    .map(([start, put]) => Buffer.concat([bytes.subarray(0, start), put, bytes.subarray(start)]));
  const doubled = fc
    .tuple(at, at)
    .map(([a, b]) => Buffer.concat([bytes.subarray(0, Math.max(a, b)), bytes.subarray(Math.min(a, b))]));
  const deep = fc.constantFrom('[', '{"a":', '- ', '(').map((open) => Buffer.from(open.repeat(100_000)));
  return fc.oneof(
    { weight: 36, arbitrary: at.map((end) => bytes.subarray(0, end)) },
    { weight: 54, arbitrary: replaced },
    { weight: 54, arbitrary: inserted },
    { weight: 24, arbitrary: doubled },
    { weight: 24, arbitrary: fc.uint8Array({ maxLength: 200 }) },
    { weight: 1, arbitrary: deep },
  );
}
