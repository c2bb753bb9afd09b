import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { createRandom } from '../../src/random.ts';
import { families } from './families/index.ts';
import type { Split } from './task.ts';
import { drawTask, drawTasks, familyOf, parseTask, questionOf, splitOf } from './task.ts';

const splits: readonly Split[] = ['train', 'development', 'test'];

describe('tasks', () => {
  test.each([
    ['train', 3000],
    ['development', 600],
    ['test', 600],
  ] as const)('of the %s split: %i distinct instructions, balanced over families', (split, count) => {
    const tasks = drawTasks(split, count, 11);
    expect(new Set(tasks.map(({ instruction }) => instruction)).size).toBe(count);
    const counts = families.map(({ name }) => tasks.filter(({ family }) => family === name).length);
    expect(Math.max(...counts) - Math.min(...counts)).toBeLessThanOrEqual(1);
    expect(tasks.slice(0, families.length).map(({ family }) => family)).not.toEqual(
      families.map(({ name }) => name),
    );
  });

  test('belong to one split whatever the seed and the courtesies', () => {
    for (const seed of [1, 2, 3]) {
      for (const split of splits) {
        for (const { instruction } of drawTasks(split, 300, seed)) {
          expect(splitOf(questionOf(instruction))).toBe(split);
        }
      }
    }
  });

  test('are the same for the same seed and others for another', () => {
    expect(drawTasks('test', 50, 1)).toEqual(drawTasks('test', 50, 1));
    expect(drawTasks('test', 50, 1)).not.toEqual(drawTasks('test', 50, 2));
  });

  test('are found back from their words alone, and survive JSON', () => {
    for (const task of drawTasks('train', 2000, 3)) {
      expect(parseTask(task.instruction)).toEqual(task);
      expect(JSON.parse(JSON.stringify(task))).toEqual(task);
    }
  });

  test('of other words are not recognised, and nothing throws', () => {
    expect(parseTask('What is the capital of Atlantis?')).toBeNull();
    expect(parseTask('What is the capital of Peru? What is the capital of Peru?')).toBeNull();
    fc.assert(fc.property(fc.string({ unit: 'grapheme' }), (text) => parseTask(text) === null));
  });

  test('can be limited to families; an unknown one is refused by name', () => {
    expect(new Set(drawTasks('train', 20, 1, { only: ['sort'] }).map(({ family }) => family))).toEqual(
      new Set(['sort']),
    );
    expect(() => drawTasks('train', 1, 1, { only: ['sorting'] })).toThrow(/no instruction family "sorting"/);
  });

  test('run out with an error that says which family did', () => {
    expect(() => drawTasks('test', 100_000, 1, { only: ['town'] })).toThrow(/family "town" has run out/);
  });
});

describe.each(families.map((family) => [family.name, family] as const))('family %s', (_, family) => {
  const random = createRandom(9);
  const tasks = Array.from({ length: 400 }, () => drawTask(family, 'train', random));

  test('has hard and easy questions', () => {
    const hard = tasks.filter((task) => familyOf(task).solve(task.values, task.form).typical !== null).length;
    expect(hard).toBeGreaterThan(100);
    expect(hard).toBeLessThan(340);
  });

  test('has a slot for its typical mistake in every hard question', () => {
    for (const { values, form } of tasks) {
      const { frames, typical } = family.solve(values, form);
      const kinds = frames[0].flatMap((part) =>
        typeof part === 'string' ? [] : part.mistakes.map(({ kind }) => kind),
      );
      if (typical !== null) expect(kinds).toContain(typical);
      for (const part of frames[0]) {
        if (typeof part === 'string') continue;
        for (const mistake of part.mistakes) expect(mistake.text).not.toBe(part.right);
      }
    }
  });
});
