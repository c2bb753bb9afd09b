import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { alignEntry, defaultSettings } from '../alignment/settings.ts';
import { checkFlag, checkValue } from './kinds.ts';
import type { Setting } from './kinds.ts';
import { camelCase, snakeCase } from './names.ts';
import { readOptions } from './read.ts';
import { subjects } from './subjects.ts';
import { suggestion } from './suggest.ts';
import { optimization } from './tables/training.ts';
import { method } from './tables/method.ts';
import { adapter } from './tables/training.ts';
import { rows } from './tables/files.ts';

const { table } = alignEntry;
const flags = (
  values: Record<string, string | true>,
  positionals: string[] = [],
  unknown: string[] = [],
) => ({ values, positionals, unknown });
const place = { file: 'c.yaml', line: 1, column: 1 };

describe('readOptions', () => {
  it('knows no option by a name that every object has, and shows numbers that JSON lacks', () => {
    const config = [
      { key: 'constructor', value: 1, place },
      { key: '__proto__', value: 1, place },
      { key: 'learning_rate', value: Infinity, place },
    ];
    expect(readOptions(table, flags({}), config).problems.map(({ message }) => message)).toEqual([
      'no such option',
      'no such option',
      'expected a number of at least 0, found Infinity',
    ]);
  });

  it('tells the first of very many keys that are no options, and how many follow', () => {
    const config = Array.from({ length: 100_000 }, (_, i) => ({
      key: `lambdas${i}`,
      value: 1,
      place,
    }));
    const { problems } = readOptions(table, flags({}), config);
    expect(problems).toHaveLength(21);
    expect(problems.at(-1)).toEqual({ where: 'c.yaml', message: '99980 more keys are no options' });
  });

  it.each([
    ['enable_thinking=false', { enable_thinking: false }],
    ['a=1, b=x y ,c=null,d="2",e=', { a: 1, b: 'x y', c: null, d: '2', e: '' }],
    ['a=b=c', { a: 'b=c' }],
    ['none', null],
  ])('reads names and values: %s', (text, expected) => {
    const { values, problems } = readOptions(table, flags({ template_args: text }), []);
    expect([values.templateArgs, problems]).toEqual([expected, []]);
    const config = [{ key: 'template_args', value: expected, place }];
    expect(readOptions(table, flags({}), config).values.templateArgs).toEqual(expected);
  });

  it('refuses what has no name, and in a file what is no map', () => {
    expect(readOptions(table, flags({ template_args: 'a=1,b' }), []).problems).toHaveLength(1);
    for (const value of ['a=1', 3, ['a']])
      expect(readOptions(table, flags({}), [{ key: 'template_args', value, place }]).problems).toHaveLength(
        1,
      );
  });

  it('takes a name that is listed twice once', () => {
    const { values } = readOptions(table, flags({ lora_target_modules: 'q_proj,v_proj, q_proj' }), []);
    expect(values.loraTargetModules).toEqual(['q_proj', 'v_proj']);
  });

  it('refuses more threads than any machine has use for', () => {
    expect(readOptions(table, flags({ threads: '100000' }), []).problems).toMatchObject([
      { where: '--threads', message: expect.stringMatching(/at most 512/) as string },
    ]);
  });

  it('lets flags win over the file and keeps only what was given', () => {
    const config = [
      { key: 'lambda', value: 1.1, place },
      { key: 'lora_target_modules', value: ['q_proj'], place },
      { key: 'downsample', value: null, place },
    ];
    const { values, problems } = readOptions(
      table,
      flags({ lambda: '1.3', shuffle: 'false', max_steps: 'none' }, ['d.json']),
      config,
    );
    expect(problems).toEqual([]);
    expect(values).toEqual({
      data: 'd.json',
      lambda: 1.3,
      shuffle: false,
      maxSteps: null,
      downsample: null,
      loraTargetModules: ['q_proj'],
    });
  });

  it('finds everything that is wrong', () => {
    const config = [
      { key: 'epochs', value: '3', place },
      { key: 'loraR', value: 4, place },
      { key: 'out', value: '', place },
    ];
    const result = readOptions(table, flags({ batch_size: '0' }, ['a', 'b'], ['--foo']), config);
    expect(result.problems.map(({ where }) => where)).toEqual([
      'c.yaml:1:1: epochs',
      'c.yaml:1:1: loraR',
      'c.yaml:1:1: out',
      '"b"',
      '--batch_size',
      '--foo',
    ]);
    expect(result.problems[1]!.message).toContain('did you mean lora_r?');
  });

  it('takes every default of the settings as a YAML value', () => {
    const config = Object.entries(defaultSettings).map(([name, value]) => ({
      key: snakeCase(name),
      value,
      place,
    }));
    const { values, problems } = readOptions(table, flags({}), config);
    expect(problems).toEqual([]);
    expect(values).toEqual(defaultSettings);
  });
});

describe('checks of single values', () => {
  const number: Setting = { kind: 'number', help: '', group: '', above: 0, max: 2, integer: true };
  it('keep to the range, in flags and files', () => {
    for (const good of [1, 2])
      expect([checkValue(number, good), checkFlag(number, String(good))]).toEqual([
        { ok: true, value: good },
        { ok: true, value: good },
      ]);
    for (const bad of [0, 3, 1.5, NaN, Infinity])
      expect([checkValue(number, bad).ok, checkFlag(number, String(bad)).ok]).toEqual([false, false]);
    for (const bad of ['', ' ', 'x', '1x', true] as const) expect(checkFlag(number, bad).ok).toBe(false);
    expect(checkValue(number, '1').ok).toBe(false);
  });
  it('read scientific notation, booleans and lists', () => {
    expect(checkFlag(optimization.learning_rate, '4e-4')).toEqual({ ok: true, value: 4e-4 });
    expect(checkFlag(rows.shuffle, true)).toEqual({ ok: true, value: true });
    expect(checkFlag(rows.shuffle, 'yes').ok).toBe(false);
    expect(checkFlag(adapter.lora_target_modules, 'q_proj, v_proj,')).toEqual({
      ok: true,
      value: ['q_proj', 'v_proj'],
    });
    expect(checkValue(adapter.lora_target_modules, []).ok).toBe(false);
    expect(checkValue(adapter.lora_target_modules, ['q_proj', 3]).ok).toBe(false);
    expect(checkFlag(method.lambda, 'none').ok).toBe(false);
  });
});

it('names survive the change of spelling', () => {
  for (const subject of Object.values(subjects))
    for (const name of Object.keys(subject)) expect(snakeCase(camelCase(name))).toBe(name);
  expect(snakeCase('loraTargetModules')).toBe('lora_target_modules');
  expect([snakeCase('adamBeta1'), snakeCase('l1'), snakeCase('alignP')]).toEqual([
    'adam_beta1',
    'l1',
    'align_p',
  ]);
});

it('suggests the name with one typing error, and nothing for a stranger', () => {
  const known = Object.keys(table).filter((name) => name.length >= 5);
  fc.assert(
    fc.property(fc.constantFrom(...known), fc.nat(20), (name, at) => {
      const i = 1 + (at % (name.length - 1));
      const shorter = name.slice(0, i) + name.slice(i + 1);
      expect(known.includes(shorter) || suggestion(shorter, known).startsWith(' (did you mean ')).toBe(true);
    }),
  );
  expect(suggestion('lr', known)).toBe('');
  expect(suggestion('bacth_size', known)).toBe(' (did you mean batch_size?)');
});
