// Templates against what transformers' renderer makes of them; see generate.py.
import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import type { WhetstoneError } from '../../../src/errors.ts';
import { callable, compileTemplate, fault, fromJson } from '../../../src/jinja/index.ts';
import type { Value } from '../../../src/jinja/index.ts';

interface Case {
  readonly source: string;
  readonly text?: string;
  /** Of a text too long for the file. */
  readonly length?: number;
  readonly error?: 'syntax' | 'failed';
  readonly line?: number;
}
const golden = JSON.parse(readFileSync(new URL('expressions.json', import.meta.url), 'utf8')) as {
  readonly values: Readonly<Record<string, unknown>>;
  readonly expressions: readonly Case[];
  readonly statements: readonly Case[];
};

const values: Record<string, Value> = Object.fromEntries(
  Object.entries(golden.values).map(([name, value]) => [name, fromJson(value)]),
);
values.raise_exception = callable('raise_exception', ([message]) => {
  throw fault('JINJA_RAISED', message as string);
});
values.strftime_now = callable('strftime_now', () => '%');

const failure = (source: string): WhetstoneError => {
  try {
    compileTemplate(source)(values);
  } catch (error) {
    return error as WhetstoneError;
  }
  return expect.fail(`${source} renders`);
};

describe.each([
  ['expressions', golden.expressions],
  ['statements', golden.statements],
] as const)('%s', (_, cases) => {
  test('are many', () => expect(cases.length).toBeGreaterThan(50));

  test.each(cases.filter(({ error }) => error === undefined))('$source', ({ source, text, length }) => {
    const found = compileTemplate(source)(values);
    if (text !== undefined) expect(found).toBe(text);
    else expect(found).toHaveLength(length!);
  });

  test.each(cases.filter(({ error }) => error === 'syntax'))('refuses $source', ({ source, line }) => {
    const error = failure(source);
    expect(error).toMatchObject({ name: 'WhetstoneError', place: { line } });
  });

  test.each(cases.filter(({ error }) => error === 'failed'))('fails at $source', ({ source }) => {
    expect(failure(source).code).toMatch(/^JINJA_(FAILED|RAISED|LIMIT)$/);
  });
});
