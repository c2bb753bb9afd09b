import { describe, expect, it } from 'vitest';
import type { Triplet } from '../judgments/index.ts';
import type { MethodSetting } from '../objectives/options.ts';
import { likelihood } from '../objectives/index.ts';
import { camelCase } from '../options/names.ts';
import { method as methodTable } from '../options/tables/method.ts';
import {
  addMethod,
  methodLines,
  methodNamed,
  methodNames,
  methodsWith,
  objectiveOf,
  requireUsableRows,
} from './methods.ts';
import type { Method, MethodName } from './methods.ts';
import { contradictions, defaultSettings, resolveSettings } from './settings.ts';
import type { AlignSettings } from './settings.ts';

const row = (rest: Partial<Triplet>): Triplet => ({
  instruction: 'ask',
  output: 'say',
  judgment: null,
  source: { file: 'rows.json', row: 1 },
  ...rest,
});
const settingsFor = (method: MethodName, rest: Partial<AlignSettings> = {}): AlignSettings =>
  resolveSettings({ model: 'm', data: 'rows.json', method, ...rest });

const fine = row({});
const praised = row({ judgment: 'Perfect, thank you.' });
const marked = row({ judgment: 'A bit dry.', score: 8 });
const bad = row({ judgment: 'Wrong.' });
const revised = row({ judgment: 'Wrong.', revision: 'better' });

describe('the sequences of a row', () => {
  const rolesOf = (method: MethodName, rest: Partial<AlignSettings> = {}): string[] =>
    [fine, praised, marked, bad, revised].map((one) =>
      methodNamed(method).roles(one, settingsFor(method, rest)).join('+'),
    );

  it.each<[MethodName, string[]]>([
    ['cut', ['plain', 'plain', 'plain', 'plain+judged', 'plain+judged']],
    ['dual-cut', ['plain', 'plain', 'plain', 'plain+judged+praised', 'plain+judged+praised']],
    ['likelihood', ['plain', 'plain', 'plain', '', '']],
    // A judgment that is not in words cannot be predicted.
    ['forward-prediction', ['plain', 'plain+critique', 'plain+critique', 'plain+critique', 'plain+critique']],
    // The data's own words stand for praise only where they praise.
    ['hindsight', ['praised', 'judged', 'praised', 'judged', 'judged']],
    ['feedback-conditional', ['praised', 'judged', 'praised', 'judged', 'judged']],
    ['critique', ['', 'critique', 'critique', 'critique', 'critique']],
    ['ilf-mle', ['', '', '', '', 'preferred']],
    ['ilf-dpo', ['', '', '', '', 'preferred+plain']],
    ['self-distillation', ['', '', '', 'plain+revising', 'plain+revising']],
    ['sdpo', ['', '', '', 'plain+informed', 'plain+informed']],
    [
      'user-interactions',
      ['', 'plain+forewarned', 'plain+forewarned', 'plain+forewarned', 'plain+forewarned'],
    ],
    ['cepo-cut', ['plain', 'plain', 'plain', 'plain+judged+praised', 'plain+judged+praised']],
    ['rltf-fm', ['plain', 'plain+critique', 'plain+critique', 'plain+critique', 'plain+critique']],
  ])('%s', (method, expected) => {
    expect(rolesOf(method)).toEqual(expected);
  });

  it('include satisfactory rows by likelihood where that is asked for', () => {
    expect(rolesOf('ilf-mle', { alignP: true })).toEqual(['plain', 'plain', 'plain', '', 'preferred']);
    expect(rolesOf('self-distillation', { alignP: true }).slice(0, 1)).toEqual(['plain']);
    expect(rolesOf('dual-cut', { alignP: false }).slice(0, 1)).toEqual(['']);
  });

  it('are those that the objective weighs, no more and no fewer', async () => {
    for (const method of methodNames()) {
      const settings = settingsFor(method);
      const objective = await objectiveOf(method, settings);
      for (const one of [fine, praised, marked, bad, revised]) {
        const advantage = methodNamed(method).advantageOf && 0.5;
        const weighed = { ...one, ...(advantage !== undefined && { advantage }) };
        const roles = methodNamed(method).roles(weighed, settings);
        if (roles.length === 0) continue;
        const rejected = one === bad || one === revised;
        const [weights] = objective.weigh([
          { rejected, advantage, tokens: Object.fromEntries(roles.map((role) => [role, 3])) },
        ]);
        const { comparison } = objective;
        const read = new Set(Object.entries(weights!.likelihood).flatMap(([role, w]) => (w ? [role] : [])));
        if (weights!.comparison !== 0) {
          read.add('plain');
          if (comparison?.over === 'tokens') for (const { role } of comparison.witnesses) read.add(role);
          if (comparison?.over === 'distributions') read.add(comparison.witness.role);
          if (comparison?.over === 'pairs') read.add('preferred');
        }
        expect([method, ...[...read].sort()]).toEqual([method, ...[...roles].sort()]);
      }
    }
  });
});

describe('data without what a method needs', () => {
  const refusal = (method: MethodName, rows: Triplet[], rest: Partial<AlignSettings> = {}): string => {
    try {
      requireUsableRows(rows, settingsFor(method, rest));
    } catch (error) {
      expect(error).toMatchObject({ code: 'UNSUITABLE_DATA' });
      return String(error);
    }
    return 'accepted';
  };

  it('is refused with what was found and what it would do for', () => {
    const positives = [fine, praised, row({ instruction: 'other' })];
    for (const method of ['cut', 'dual-cut', 'self-distillation', 'ilf-mle', 'ilf-dpo'] as const) {
      expect(refusal(method, positives)).toMatch(
        /rows\.json: method "[\w-]+" needs rows with a judgment that says what is wrong; usable: 0 of 3 rows \(3 satisfactory, 0 unsatisfactory; 0 with a score, 0 with a revision; 1 instruction with several responses\)/,
      );
    }
    expect(refusal('cut', positives)).toMatch(
      /what these methods need: likelihood, forward-prediction, hindsight, feedback-conditional, critique, user-interactions, rltf-fm\./,
    );
    expect(refusal('dpo', [bad, row({ instruction: 'other' })])).toMatch(
      /unlike in score or label, or revisions/,
    );
    expect(refusal('likelihood', [bad])).toMatch(/0 of 1 row \(0 satisfactory, 1 unsatisfactory/);
    expect(refusal('critique', [fine])).toMatch(/a judgment in words/);
  });

  it('is accepted as soon as one row will do', () => {
    expect(refusal('cut', [fine, bad])).toBe('accepted');
    expect(refusal('cut', [fine], { l1: false, alignN: false })).toBe('accepted');
    expect(refusal('cut', [bad], { l1: false, alignN: false })).toMatch(/UNSUITABLE|usable: 0/);
    expect(refusal('dpo', [bad, row({ output: 'yes' })])).toBe('accepted');
    expect(refusal('dpo', [revised])).toBe('accepted');
    expect(refusal('critique', [praised])).toBe('accepted');
    expect(refusal('rltf-sd', [revised])).toMatch(/needs criticised rows with a revision that is judged/);
    expect(refusal('rltf-sd', [revised, row({ output: 'better' })])).toBe('accepted');
    expect(refusal('rltf-fm', [fine])).toMatch(/usable: 0/);
    expect(refusal('rltf-fm', [fine, row({ instruction: 'other', score: 3 })])).toBe('accepted');
  });
});

describe('settings', () => {
  it('belong to at least one method and have a default', () => {
    for (const name of Object.keys(methodTable).filter((each) => each !== 'method')) {
      const key = camelCase(name) as MethodSetting;
      expect([key, methodsWith(key).length > 0]).toEqual([key, true]);
      expect(defaultSettings).toHaveProperty(key);
    }
  });

  it('default as the method says', () => {
    expect(settingsFor('dpo')).toMatchObject({ beta: 0.1, labelSmoothing: 0 });
    expect(settingsFor('dual-cut')).toMatchObject({ beta: 1, alignP: true });
    expect(settingsFor('ilf-mle')).toMatchObject({ alignP: false, normalize: 'triplets' });
    expect(settingsFor('feedback-conditional')).toMatchObject({ normalize: 'tokens' });
    // A preset is CUT's.
    expect(settingsFor('dual-cut', { preset: 'released-code' })).toMatchObject({ alpha: 1 });
  });

  it('of another method are refused, and what a run wrote down itself never is', () => {
    const blamed = (given: Partial<AlignSettings>): string[] =>
      contradictions(given, defaultSettings).map(({ keys, message }) => `${keys.join()}: ${message}`);
    expect(blamed({ method: 'dpo', lambda: 1.5, form: 'full', beta: 0.3 })).toEqual([
      'lambda,method: this belongs to methods "cut", "dual-cut", "cepo-cut" and means nothing for "dpo"',
      'form,method: this belongs to method "self-distillation" and means nothing for "dpo"',
    ]);
    expect(blamed({ beta: 0.3 })).toHaveLength(1);
    expect(blamed({ method: 'ilf-dpo', beta: 0 })).toHaveLength(1);
    expect(blamed({ method: 'self-distillation', divergence: 'forward-kl' })).toHaveLength(1);
    expect(blamed({ method: 'self-distillation', form: 'full', importanceClip: null })).toHaveLength(1);
    expect(blamed({ method: 'ilf-mle', cutoffLen: 200 })).toEqual([
      'revisionMaxNewTokens,cutoffLen: revisions of 256 tokens leave no room for a prompt within 200',
    ]);
    for (const method of methodNames()) expect(blamed(settingsFor(method))).toEqual([]);
  });
});

it('an unknown method lists all and what each needs', () => {
  expect(() => methodNamed('ctu')).toThrow(
    /no method "ctu"[^]*likelihood +likelihood of[^]*needs satisfactory rows/,
  );
  for (const name of methodNames()) expect(methodNamed(name).needs).not.toBe('');
  for (const line of methodLines()) expect(line.length).toBeLessThan(96);
});

describe("a method of one's own", () => {
  const mine: Method = {
    label: 'Mine',
    title: 'likelihood of all responses',
    needs: 'rows',
    usable: () => true,
    from: 'rows',
    roles: () => ['plain'],
    settings: ['normalize'],
    defaults: { normalize: 'tokens' },
    objective: ({ normalize }) =>
      Promise.resolve({ ...likelihood({ includeRejected: true, normalize }), name: 'mine' }),
  };

  it('is known by its name, with its settings and defaults', async () => {
    addMethod('mine', mine);
    expect(methodNames().at(-1)).toBe('mine');
    expect(methodsWith('normalize')).toContain('mine');
    const settings = settingsFor('mine');
    expect(settings.normalize).toBe('tokens');
    expect((await objectiveOf('mine', settings)).name).toBe('mine');
    expect(contradictions({ method: 'mine', lambda: 2 }, defaultSettings)).toHaveLength(1);
  });

  it('has a name that is free and settings that there are', () => {
    const wrong = { ...mine, settings: ['normalise' as MethodSetting] };
    expect(() => addMethod('cut', wrong)).toThrow(
      /2 options[^]*a method "cut" already[^]*no settings normalise/,
    );
    expect(() => addMethod('My method', mine)).toThrow(/small letters/);
  });
});
