import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { findJsonFault } from './json-position.ts';

describe('findJsonFault', () => {
  it.each([
    ['', 0, 'ends too early: expected a value'],
    ['[{"a": 1}, {"b": 2}', 19, '"[" is not closed'],
    ['{"a": 1,}', 8, 'expected a name in double quotes after the comma, found "}"'],
    ['[1, 2,]', 6, 'expected a value after the comma'],
    ['{"a":}', 5, 'expected a value, found "}"'],
    ['{"a"}', 4, 'expected ":"'],
    ['[1 2]', 3, 'expected a comma or "]", found "2"'],
    ["{'a': 1}", 1, `expected a name in double quotes or "}", found "'"`],
    ['["abc', 1, 'string that begins here is not closed'],
    ['["a\nb"]', 3, 'found a line break'],
    ['["\\x"]', 2, 'expected an escape'],
    ['["\\u12"]', 2, 'expected an escape'],
    ['{"score": NaN}', 10, 'NaN, which JSON does not have'],
    ['[True]', 1, 'found True'],
    ['[-Infinity]', 1, 'found "-"'],
    ['{"a":1}\n{"a":2}', 8, 'expected the end of the file, found "{"'],
    ['\u00a0[]', 0, 'U+00A0'],
    ['["😀" "😀"]', 6, 'expected a comma'],
  ])('%j: offset %i', (text, offset, message) => {
    const fault = findJsonFault(text);
    expect(fault?.offset).toBe(offset);
    expect(fault?.message).toContain(message);
  });

  it('says when a whole value came first', () => {
    expect(findJsonFault('{}\n{}')?.afterValue).toBe(true);
    expect(findJsonFault('{"a":1 "b"}')?.afterValue).toBe(false);
  });

  it('survives deep nesting', () => {
    expect(findJsonFault('['.repeat(200_000))?.offset).toBe(200_000);
  });

  it('agrees with JSON.parse on every text', () => {
    const damaged = fc
      .tuple(
        fc.json(),
        fc.nat(),
        fc.constantFrom('', ',', '"', '}', ']', '{', ':', '\\', '0', 'x', '\n', '.'),
        fc.nat(2),
      )
      .map(([json, at, insert, remove]) => {
        const place = at % (json.length + 1);
        return json.slice(0, place) + insert + json.slice(place + remove);
      });
    fc.assert(
      fc.property(damaged, (text) => {
        let valid = true;
        try {
          JSON.parse(text);
        } catch {
          valid = false;
        }
        expect(findJsonFault(text) === null).toBe(valid);
      }),
      { numRuns: 2000 },
    );
  });
});
