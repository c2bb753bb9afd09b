// Whole numbers keep their digits through reading and writing; everything else is what JSON.parse and JSON.stringify make.
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { jsonText, parseJson } from './json.ts';

describe('parseJson', () => {
  it.each([
    ['9007199254740991', 9007199254740991],
    ['9007199254740993', 9007199254740993n],
    ['-9007199254740993', -9007199254740993n],
    ['12345678901234567890123', 12345678901234567890123n],
    ['12345678901234567890.5', Number('12345678901234567890.5')],
    ['1234567890123456789e3', Number('1234567890123456789e3')],
    ['0.1234567890123456789', 0.12345678901234568],
    ['"9007199254740993"', '9007199254740993'],
    ['[1,9007199254740993,{"a":9007199254740995}]', [1, 9007199254740993n, { a: 9007199254740995n }]],
    [
      String.raw`{"a\\\"9007199254740993":"b\\","c":9007199254740993}`,
      { 'a\\"9007199254740993': 'b\\', c: 9007199254740993n },
    ],
    [
      '{"__proto__":9007199254740993}',
      JSON.parse('{"__proto__":1}', (key, value: unknown) => (key === '' ? value : 9007199254740993n)),
    ],
  ])('%s', (text, value) => {
    expect(parseJson(text)).toEqual(value);
  });

  it('refuses what JSON.parse refuses, also beside long numbers', () => {
    for (const text of [
      '{9007199254740993: 1}',
      '[9007199254740993',
      '09007199254740993',
      '9007199254740993 1',
    ])
      expect(() => parseJson(text)).toThrow(SyntaxError);
  });

  it('takes values that are nested more deeply than the stack is', () => {
    const depth = 200_000;
    let value = parseJson(`${'['.repeat(depth)}9007199254740993${']'.repeat(depth)}`);
    for (let i = 0; i < depth; i++) [value] = value as unknown[];
    expect(value).toBe(9007199254740993n);
  });

  it('gives with jsonText the text again, whatever it holds', () => {
    const { json } = fc.letrec((tie) => ({
      json: fc.oneof(
        { maxDepth: 4 },
        fc
          .bigInt({ min: -(10n ** 25n), max: 10n ** 25n })
          .map((n) => (Number.isSafeInteger(Number(n)) ? Number(n) : n)),
        fc.string({ unit: 'binary' }),
        fc.constantFrom(null, true, '"', '\\', '\\"1234567890123456789', '1234567890123456789'),
        fc.array(tie('json')),
        fc.dictionary(fc.string(), tie('json')),
      ),
    }));
    fc.assert(
      fc.property(json, (value) => {
        const text = jsonText(value);
        expect(jsonText(parseJson(text))).toBe(text);
        expect(parseJson(text)).toEqual(value);
      }),
      { numRuns: 500 },
    );
  });
});

it('jsonText is JSON.stringify where there is no bigint', () => {
  const value = { a: [1.5, null, 'x', undefined], b: undefined, c: new Date(0) };
  expect(jsonText(value)).toBe(JSON.stringify(value));
  const circle: unknown[] = [1n];
  circle.push(circle);
  expect(() => jsonText(circle)).toThrow(TypeError);
});
