import { expect, it } from 'vitest';
import { informedInstruction, withSiblings } from './siblings.ts';
import type { Triplet } from './triplet.ts';

const row = (rest: Partial<Triplet>): Triplet => ({
  instruction: 'ask',
  output: 'say',
  judgment: null,
  source: { file: 'rows.json', row: 1 },
  ...rest,
});

it('puts the first satisfactory response to the same prompt beside criticised ones', () => {
  const rows = [
    row({ output: 'a', judgment: 'Wrong.' }),
    row({ output: 'b' }),
    row({ output: 'c', judgment: 'Fine.', score: 9 }),
    row({ output: 'd', judgment: 'Wrong.', input: 'with this' }),
  ];
  expect(withSiblings(rows).map(({ sibling }) => sibling)).toEqual(['b', undefined, undefined, undefined]);
});

it('tells the teacher of the judgment and the correct answer, and never of the attempt', () => {
  const told = informedInstruction('Name a fruit.', { sibling: 'Pear.', judgment: 'A carrot is no fruit.' });
  expect(told).toMatch(
    /^Name a fruit\.\n\n[^]*Pear\.[^]*A carrot is no fruit\.[^]*Answer the original instruction/,
  );
  expect(informedInstruction('Name a fruit.', { judgment: 'No.' })).not.toContain('correct answer');
});
