import { describe, expect, it } from 'vitest';
import { WhetstoneError, briefly, problemsError } from './errors.ts';
import { spellOptions } from './words/option.ts';

describe('a WhetstoneError', () => {
  it('has its facts in fields, and a message composed of them', () => {
    const error = new WhetstoneError('BAD', 'expected a, found b', {
      file: 'rows.csv',
      line: 3,
      column: 7,
      row: 2,
      field: 'output',
      hint: 'Correct it.',
    });
    const place = { file: 'rows.csv', line: 3, column: 7, row: 2, field: 'output' };
    expect(error).toMatchObject({ code: 'BAD', problem: 'expected a, found b', place, hint: 'Correct it.' });
    expect(error.problems).toEqual([]);
    expect(error.message).toBe('rows.csv:3:7, row 2, field "output": expected a, found b\n  Correct it.');
    expect(briefly(error)).toBe('rows.csv:3:7, row 2, field "output": expected a, found b');
  });

  it('keeps all of several problems, and lists as many as are to be shown', () => {
    const problems = [1, 2, 3].map((row) => ({ row, problem: 'empty' }));
    const error = new WhetstoneError('BAD', 'rows are wrong', { file: 'f', problems, shown: 2 });
    expect(error.problems).toEqual(problems);
    expect(error.message).toBe('f: rows are wrong:\n    row 1: empty\n    row 2: empty\n    and 1 more');
  });

  it('tells a single problem as it is', () => {
    const one = problemsError('BAD', '1 is wrong', [{ options: ['loraR'], problem: 'too low' }], {
      hint: 'See.',
    });
    expect(one).toMatchObject({
      problem: 'too low',
      place: { options: ['loraR'] },
      problems: [],
      hint: 'See.',
    });
    const two = problemsError('BAD', '2 are wrong', [{ problem: 'a' }, { problem: 'b' }]);
    expect(two.message).toBe('2 are wrong:\n    a\n    b');
  });

  it('mentions options in a way that the command line spells as flags, and leaves other words alone', () => {
    const { message } = new WhetstoneError('BAD', 'too low, as `loraR` is', { options: ['loraR', 'seed'] });
    expect(message).toBe('option `loraR`, option `seed`: too low, as `loraR` is');
    expect(spellOptions(message, (name) => `--${name}`)).toBe('--loraR, --seed: too low, as `loraR` is');
  });
});
