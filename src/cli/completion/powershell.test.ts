import { describe, expect, it } from 'vitest';
import { powershellScript } from './powershell.ts';
import type { CompletedVerb } from './verbs.ts';

interface Word {
  readonly word: string;
  readonly told: string;
}
const verb = (name: string, more: Partial<CompletedVerb> = {}): CompletedVerb => ({
  ...{ name, summary: `it's ${name} – “so”`, verbs: [], flags: [], positionals: [] },
  ...more,
});
const script = powershellScript([
  verb('align', {
    flags: [
      { name: '--method', help: "'@ ends nothing here", value: { kind: 'words', words: ['cut', 'dpo'] } },
      { name: '--quiet', help: '$5 and `more`', value: { kind: 'none' } },
      { name: '--out', help: 'a folder', value: { kind: 'folder' } },
    ],
    positionals: [{ kind: 'file' }],
  }),
  verb('data', { verbs: [verb('check')] }),
  verb('completion', { positionals: [{ kind: 'words', words: ['bash', 'powershell'] }] }),
]);

describe('the script for PowerShell', () => {
  const [, json] = /^ {4}\$places = ConvertFrom-Json @'\n(.*)\n'@$/m.exec(script)!;
  const places = JSON.parse(json!) as Record<string, { words: Word[]; flags: Word[]; values: object }>;

  it('holds every verb under what is typed before it, in a text that ends where it should', () => {
    expect(Object.keys(places)).toEqual([
      ...['whetstone', 'whetstone align', 'whetstone data', 'whetstone data check', 'whetstone completion'],
    ]);
    expect(script.match(/^'@/gm)).toHaveLength(1);
    expect(places['whetstone']!.words).toContainEqual({ word: 'align', told: "it's align – “so”" });
    expect(places['whetstone data']!.words.map(({ word }) => word)).toEqual(['check']);
    expect(places['whetstone completion']!.words.map(({ word }) => word)).toEqual(['bash', 'powershell']);
  });

  it('knows flags, and what their values may be', () => {
    const { flags, values, words } = places['whetstone align']!;
    expect(flags.map(({ word }) => word)).toEqual(['--method', '--quiet', '--out']);
    expect(values).toEqual({
      '--method': [
        { word: 'cut', told: 'cut' },
        { word: 'dpo', told: 'dpo' },
      ],
      '--out': null,
    });
    expect(words).toEqual([]); // files, which PowerShell completes itself
    expect(flags[1]!.told).toBe('$5 and `more`');
  });

  it('is ASCII, as PowerShell 5 reads it', () => expect(script).toMatch(/^[\n\x20-\x7e]*$/));
});
