import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { circumstanceDifferences, sameFile, sameFolder, sameText, sameTokenizer } from './circumstances.ts';
import type { CircumstanceTable } from './circumstances.ts';
import { readRecord } from './record.ts';
import { nothingToResume, openMode, refuseDifferences, startOf } from './resume.ts';

interface Kept {
  readonly data: string;
  readonly model: Readonly<Record<string, string>>;
  readonly tokenizer: string;
  readonly name: string;
}
const table: CircumstanceTable<Kept> = {
  data: sameFile('data'),
  model: sameFolder('model'),
  tokenizer: sameTokenizer,
};
const kept: Kept = { data: 'd', model: { 'config.json': 'c' }, tokenizer: 't', name: 'n' };

describe('circumstances', () => {
  it('are compared as their table says, and those that it leaves out are not', () => {
    const now = { data: 'e', model: { 'config.json': 'c2', 'new.json': 'n' }, tokenizer: 'u', name: 'other' };
    expect(circumstanceDifferences(table, kept, { settings: {}, run: { ...kept } })).toEqual([]);
    expect(circumstanceDifferences(table, now, { settings: {}, run: { ...kept } })).toEqual([
      'data: the file has other content than when the run began',
      'model: config.json has changed',
      'model: new.json is new',
      'tokenizer: another one than when the run began',
    ]);
    // A file of the model has said it already.
    const changed = { ...kept, model: { 'tokenizer.json': 'x' }, tokenizer: 'u' };
    expect(circumstanceDifferences(table, changed, { settings: {}, run: { ...kept } })).toEqual([
      'model: config.json is gone',
      'model: tokenizer.json is new',
    ]);
  });

  it.each([
    ['tokenizer', undefined],
    ['tokenizer', 7],
    ['data', 7],
    ['model', 'text'],
    ['model', { 'config.json': null }],
  ])('of a record whose %s is %j are damage', (name, value) => {
    const recorded = { settings: {}, run: { ...kept, [name]: value }, file: 'run.yaml' };
    expect(() => circumstanceDifferences(table, kept, recorded)).toThrow(
      expect.objectContaining({ code: 'BAD_RUN', place: { file: 'run.yaml', field: `run.${name}` } }),
    );
  });

  it('know the record and the present where a line needs more than one of them', () => {
    const named: CircumstanceTable<Kept> = {
      data: sameText((before, now, { recorded, present }) => `${before}>${now} ${String(recorded['name'])}>${String(present['name'])}`), // prettier-ignore
    };
    const now = { ...kept, data: 'e', name: 'm' };
    expect(circumstanceDifferences(named, now, { settings: {}, run: { ...kept } })).toEqual(['d>e n>m']);
  });
});

describe('a record', () => {
  it.each([
    ['', 'expected settings by name'],
    ['lambda: [', 'not YAML: '],
    ['- a', 'expected settings by name'],
    ['lambda: 1', 'expected a section "run"'],
    ['run: 7', 'expected a section "run"'],
    ['lambda: 1.2\nrun:', 'expected a section "run"'],
  ])('that reads %j is named damage', async (text, message) => {
    const dir = await mkdtemp(join(tmpdir(), 'whetstone-record-'));
    await writeFile(join(dir, 'run.yaml'), text);
    const error: unknown = await readRecord(dir).catch((error: unknown) => error);
    await rm(dir, { recursive: true });
    expect(error).toMatchObject({ code: 'BAD_RUN', place: { file: join(dir, 'run.yaml') } });
    expect((error as Error).message).toContain(message);
  });

  it('says when the run began', () => {
    const started = '2026-01-02T03:04:05.000Z';
    expect(startOf({ settings: {}, run: { started } }).toISOString()).toBe(started);
    for (const damaged of [undefined, 'soon', 7])
      expect(() => startOf({ settings: {}, run: { started: damaged } })).toThrow(
        expect.objectContaining({ code: 'BAD_RUN' }),
      );
  });
});

it('a session refuses, goes on or moves aside', () => {
  expect([openMode({}), openMode({ resume: true }), openMode({ overwrite: true })]).toEqual([
    'new',
    'resume',
    'overwrite',
  ]);
  expect(nothingToResume('out')).toMatchObject({ code: 'NOTHING_TO_RESUME' });
  expect(() => refuseDifferences('out', [])).not.toThrow();
  expect(() => refuseDifferences('out', ['a: b'])).toThrow(/out: .*\n {4}a: b/);
});
