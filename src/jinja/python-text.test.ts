import { describe, expect, it } from 'vitest';
import { capitalize, rstrip, strip } from './python-text.ts';

describe('capitalize', () => {
  // What Python 3.11 gives.
  it.each([
    ['', ''],
    ['the MAN Waits', 'The man waits'],
    ['éMILE', 'Émile'],
    ['ßA', 'Ssa'],
    ['ﬁRST', 'First'],
    ['ǆB', 'ǅb'],
    ['Σίσυφος ΟΔΟΣ', 'Σίσυφος οδος'],
    ['ŉA', 'ʼNa'],
    ['აბ', 'აბ'],
    ['ᾳΩ', 'ᾼω'],
    ['ᾷ', '\u0391\u0342\u0345'],
    ['🙂A', '🙂a'],
    [' A', ' a'],
  ])('of %j is %j', (text, expected) => {
    expect(capitalize(text)).toBe(expected);
  });
});

describe('strip', () => {
  it('takes what str.isspace holds for, and nothing else', () => {
    const spaces = '\t\n\v\f\r\x1c\x1d\x1e\x1f \x85\xa0\u1680\u2000\u200a\u2028\u2029\u202f\u205f\u3000';
    expect(strip(`${spaces}a b${spaces}`)).toBe('a b');
    expect(rstrip(`${spaces}a${spaces}`)).toBe(`${spaces}a`);
    // JavaScript's trim would take the first of these.
    for (const other of ['\ufeff', '\u200b', '\x00']) expect(strip(other)).toBe(other);
  });
});
