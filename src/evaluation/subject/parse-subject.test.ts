import { mkdtempSync, mkdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { parseSubjects } from './parse-subject.ts';

const folder = mkdtempSync(join(tmpdir(), 'whetstone-subjects-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

describe('parseSubjects', () => {
  it('reads folders, adapters and servers, named or not', () => {
    expect(
      parseSubjects(
        [
          './models/base',
          'tuned=./models/base+runs/a/adapter',
          './m+./runs/b/adapter/',
          'http://127.0.0.1:1/v1#org/m',
        ],
        [],
      ),
    ).toEqual([
      { name: 'base', kind: 'local', model: './models/base', adapter: null },
      { name: 'tuned', kind: 'local', model: './models/base', adapter: 'runs/a/adapter' },
      { name: 'b', kind: 'local', model: './m', adapter: './runs/b/adapter/' },
      {
        name: 'org-m',
        kind: 'server',
        served: { url: 'http://127.0.0.1:1/v1', model: 'org/m' },
      },
    ]);
  });

  it('puts adapters on the one model', () => {
    expect(parseSubjects(['./m'], ['runs/a/adapter', 'late=runs/a/step-9'])).toEqual([
      { name: 'm', kind: 'local', model: './m', adapter: null },
      { name: 'a', kind: 'local', model: './m', adapter: 'runs/a/adapter' },
      { name: 'late', kind: 'local', model: './m', adapter: 'runs/a/step-9' },
    ]);
  });

  it('takes a folder with a plus in its name for what it is', () => {
    const odd = join(folder, 'a+b');
    mkdirSync(odd);
    expect(parseSubjects([`x=${odd}`], [])).toEqual([
      { name: 'x', kind: 'local', model: odd, adapter: null },
    ]);
  });

  it.each([
    [['a/m', 'b/m'], [], 'two models are called "m"'],
    [['a', 'b'], ['c'], 'option `adapter` needs exactly one option `model`'],
    [['http://x/v1#m'], ['c'], 'option `adapter` needs exactly one option `model`'],
    [['http://x/v1'], [], 'the model is missing'],
    [['name='], [], 'nothing follows the name'],
    [['a+'], [], 'expected FOLDER+ADAPTER'],
    [['..=./m'], [], 'is no name'],
  ])('refuses %j with %j', (models, adapters, message) => {
    expect(() => parseSubjects(models, adapters)).toThrow(message);
  });
});
