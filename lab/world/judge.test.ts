import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { createRandom } from '../../src/random.ts';
import { codePointLength } from '../../src/tokens/index.ts';
import { corpusAnswer, rightAnswer, strayAnswer, STRAY_RATE, TYPICAL_RATE, typicalOf } from './answers.ts';
import { REVEAL_RATE } from './critique.ts';
import { families } from './families/index.ts';
import type { Frame } from './family.ts';
import { findErrors, judge } from './judge.ts';
import type { Task } from './task.ts';
import { drawTask, drawTasks, familyOf, parseTask } from './task.ts';
import { worldVocabulary } from './tokenizer.ts';

const tasks = drawTasks('train', 1400, 1);
const ask = (instruction: string): Task => parseTask(instruction)!;
const found = (instruction: string, answer: string): string[] =>
  findErrors(ask(instruction), answer).map(
    ({ kind, start, end }) => `${kind}: ${[...answer].slice(start, end).join('')}`,
  );
const spelled = (frame: Frame): string =>
  `${frame.map((part) => (typeof part === 'string' ? part : part.right)).join('')}.`;

describe('the judge', () => {
  test('accepts the right answer in every accepted phrasing', () => {
    for (const task of tasks) {
      const { frames } = familyOf(task).solve(task.values, task.form);
      for (const frame of frames) {
        expect(judge(task, ` ${spelled(frame)}\n`, createRandom(1)), spelled(frame)).toEqual({
          satisfactory: true,
          judgment: null,
          errors: [],
        });
      }
    }
  });

  test.each([
    ['corpus', corpusAnswer],
    ['stray', strayAnswer],
  ] as const)('finds exactly the errors of every %s answer', (_, write) => {
    const random = createRandom(2);
    for (const task of [...tasks, ...tasks]) {
      const { text, errors } = write(task, random);
      const judged = findErrors(task, text).map(({ kind, start, end }) => ({ kind, start, end }));
      expect(judged, `${task.instruction} | ${text}`).toEqual(errors);
    }
  });

  test('finds something wrong with an answer to another question', () => {
    for (const [i, task] of tasks.entries()) {
      const other = tasks[(i + 1) % tasks.length]!;
      if (task.family === other.family) continue;
      expect(findErrors(task, rightAnswer(other)), `${task.instruction} | ${rightAnswer(other)}`).not.toEqual(
        [],
      );
    }
  });

  test('never throws, keeps spans inside the text and in order, and is satisfied only without errors', () => {
    const words = fc.array(fc.constantFrom(...worldVocabulary().slice(3)), { maxLength: 15 });
    const text = fc.oneof(
      fc.string({ unit: 'grapheme' }),
      words.map((list) => list.join('')),
    );
    const damaged = fc
      .tuple(fc.nat(tasks.length - 1), fc.nat(60), fc.nat(60), text)
      .map(([i, a, b, middle]) => [
        i,
        rightAnswer(tasks[i]!).slice(0, a) + middle + rightAnswer(tasks[i]!).slice(b),
      ]);
    fc.assert(
      fc.property(fc.oneof(fc.tuple(fc.nat(tasks.length - 1), text), damaged), (pair) => {
        const [i, answer] = pair as [number, string];
        const verdict = judge(tasks[i]!, answer, createRandom(3));
        expect(verdict.satisfactory).toBe(verdict.errors.length === 0);
        expect(verdict.judgment === null).toBe(verdict.satisfactory);
        expect(verdict.judgment ?? '').not.toMatch(/^perfect|[{}]/i);
        let last = 0;
        for (const { start, end } of verdict.errors) {
          expect(start).toBeGreaterThanOrEqual(last);
          expect(end).toBeGreaterThanOrEqual(start);
          expect(end).toBeLessThanOrEqual(codePointLength(answer));
          if (end === start) expect(start).toBe(codePointLength(answer));
          last = start;
        }
      }),
      { numRuns: 600, seed: 4 },
    );
  });

  test.each([
    ['What is the capital of Australia?', 'The capital of Australia is Sydney.', ['fact: Sydney']],
    [
      'What is the capital of Australia?',
      'the capital of Australia is Sydney. Bye.',
      ['lower-case: the', 'fact: Sydney', 'extra-text: Bye.'],
    ],
    ['What is the capital of Australia?', 'Canberra.', []],
    ['What is the capital of Australia?', 'The capital of Australia is', ['unfinished: ']],
    ['What is the capital of Australia?', 'The capital of Australia is Canberra', ['unfinished: ']],
    ['What is the capital of Australia?', 'The capital capital of of', ['garbled: capital of of']],
    ['What is the capital of Australia?', '', ['empty: ']],
    ['What is the capital of Australia?', ' 🙂🙂 ', ['garbled: 🙂🙂']],
    ['Sort these numbers: 7, 3, 5.', 'The order is 3, 7, 5.', ['order: 7, 5']],
    ['Sort these numbers: 7, 3, 5.', 'The order is 3, 5.', ['too-few: .']],
    ['Sort these numbers: 7, 3, 5.', 'The order is 3, 4, 7.', ['number: 4, 7']],
    ['Name three fruits.', 'Some fruits are figs, plums and plums.', ['repeated-item: plums']],
    ['Name three fruits.', 'Some fruits are figs and plums.', ['too-few:  and plums']],
    ['Name three fruits.', 'Some fruits are figs, carrots and plums.', ['foreign-item: carrots']],
    ['Name two fruits.', 'Some fruits are figs, plums and pears.', ['too-many: , plums and pears']],
    ['Say river three times.', 'Here it is: river, river.', ['too-few: .']],
    ['Say river two times.', 'river, river, river.', ['too-many: , river']],
    [
      'A sack holds 12 kilograms. Then 8 kilograms are taken out. How much is left?',
      'Sure! There are now 4.',
      ['greeting: Sure!', 'unit: .'],
    ],
    ['How many minutes are 2 hours?', 'There are 125 minutes in 2 hours.', ['number: 5']],
  ])('%s %s', (instruction, answer, errors) => {
    expect(found(instruction, answer)).toEqual(errors);
  });

  test('counts positions in code points', () => {
    const answer = 'The capital of Peru is 🙂 Cusco 🙂.';
    const [error] = findErrors(ask('Name the capital of Peru.'), answer);
    expect([...answer].slice(error!.start, error!.end).join('')).toBe('🙂 Cusco 🙂');
  });
});

describe('critiques', () => {
  test('name at most two errors, in several wordings, and tell the right answer about a third of the time', () => {
    const task = ask('Hello! Name the capital of Australia.');
    const random = createRandom(5);
    const critiques = Array.from(
      { length: 3000 },
      () => judge(task, 'The capital of Australia is Sydney.', random).judgment!,
    );
    expect(new Set(critiques).size).toBeGreaterThanOrEqual(5);
    const told = critiques.filter((critique) => critique.includes('Canberra')).length / critiques.length;
    expect(Math.abs(told - REVEAL_RATE)).toBeLessThan(0.03);
    const many = judge(task, 'Hi! the capital of Australia is Sydney. Bye.', random);
    expect(many.errors).toHaveLength(4);
    expect(many.judgment).not.toContain('Sydney');
  });

  test('have at least two wordings for every typical mistake', () => {
    const random = createRandom(6);
    const wordings = new Map<string, Set<string>>();
    for (const task of tasks) {
      const { content } = typicalOf(task);
      if (content === null) continue;
      const hints = familyOf(task).wordings[content]?.hint;
      if (hints) wordings.set(task.family, new Set(hints));
      const answer = corpusAnswer(task, random);
      if (answer.errors[0]?.kind === content)
        expect(judge(task, answer.text, random).judgment).not.toBeNull();
    }
    for (const [family, hints] of wordings) expect(hints.size, family).toBeGreaterThanOrEqual(2);
  });
});

test('the corpus makes its typical mistakes at the stated rates', () => {
  const random = createRandom(7);
  const counts = { hard: 0, typical: 0, soft: 0, wrong: 0 };
  for (let i = 0; i < 12000; i++) {
    const task = drawTask(families[i % families.length]!, 'train', random);
    const { content, style } = typicalOf(task);
    const kinds = corpusAnswer(task, random).errors.map(({ kind }) => kind);
    if (content !== null) {
      counts.hard++;
      if (kinds.includes(content)) counts.typical++;
    } else if (style === null) {
      counts.soft++;
      if (kinds.length > 0) counts.wrong++;
    }
  }
  expect(Math.abs(counts.typical / counts.hard - TYPICAL_RATE)).toBeLessThan(0.02);
  expect(counts.wrong / counts.soft).toBeLessThan(5 * STRAY_RATE);
  expect(counts.wrong / counts.soft).toBeGreaterThan(STRAY_RATE);
});
