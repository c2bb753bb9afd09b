import { expect, it } from 'vitest';
import { withAdvantages } from './advantages.ts';
import type { Triplet } from './triplet.ts';

const row = (rest: Partial<Triplet>): Triplet => ({
  instruction: 'ask',
  output: 'say',
  judgment: null,
  source: { file: 'rows.json', row: 1 },
  ...rest,
});
const advantages = (rows: readonly Triplet[], of: 'response' | 'revision'): (number | undefined)[] =>
  withAdvantages(rows, of).map(({ advantage }) => advantage && Number(advantage.toFixed(6)));

it('compares responses with the others to their prompt, or where there are none with all', () => {
  const rows = [
    row({ output: 'a', score: 10 }),
    row({ output: 'b', score: 4, judgment: 'Wrong.' }),
    row({ instruction: 'other', judgment: 'Wrong.' }),
    row({ instruction: 'third' }),
  ];
  // Rewards 1, 0.4, 0 and 1: by score, else by label.
  expect(advantages(rows, 'response')).toEqual([0.3, -0.3, -0.6, 0.4]);
  expect(advantages([], 'response')).toEqual([]);
});

it('compares a revision with the first attempts, by the row that judges it', () => {
  const rows = [
    row({ output: 'a', judgment: 'Wrong.', revision: ' c ' }),
    row({ output: 'b', judgment: 'Wrong.', revision: 'd' }),
    row({ output: 'c' }),
    row({ output: 'e' }),
    row({ instruction: 'other', output: 'x', judgment: 'Wrong.', revision: 'c' }),
  ];
  // "c" is satisfactory and no first attempt; first attempts are a, b and e: a third of them is satisfactory. Nobody judged "d".
  expect(advantages(rows, 'revision')).toEqual([0.666667, undefined, undefined, undefined, undefined]);
  // A revision that is as wrong as the attempt has no advantage.
  expect(advantages([rows[0]!, row({ output: 'c', judgment: 'Still wrong.' })], 'revision')).toEqual([
    0,
    undefined,
  ]);
});
