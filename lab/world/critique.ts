// Turns found errors into a critique in natural words. It knows wordings, not how errors are found.
import type { Random } from '../../src/random.ts';
import type { AnswerError } from './judge.ts';
import type { Kind, Values, Wordings } from './family.ts';
import { fill, pick } from './family.ts';
import type { Task } from './task.ts';
import { familyOf } from './task.ts';

/** How often a critique tells the right answer, where its kind of error has such wordings. */
export const REVEAL_RATE: number = 1 / 4;

/**
 * Wordings of the kinds for which a family has none of its own. Their words are part of the vocabulary that the base
 * models were trained with, those of kinds that no family has at present too.
 */
export const commonWordings: Readonly<Record<Kind, Wordings>> = {
  fact: {
    hint: ['The fact in this answer is wrong.', 'This is not true.'],
    reveal: ['The right answer is {wanted}.'],
  },
  operator: {
    hint: [
      'The wrong operation was used.',
      'This is not the right calculation.',
      'The answer picks the wrong operation.',
    ],
    reveal: [
      'The wrong operation was used: the result is {wanted}.',
      'With the right operation the answer is {wanted}.',
    ],
  },
  'off-by-one': {
    hint: [
      'The result is not {found}, it is off by one.',
      'The answer {found} is wrong by one.',
      'The result is off by one.',
    ],
    reveal: [
      'The result is {wanted}, not {found}.',
      'The answer is off by one: it should be {wanted}, not {found}.',
    ],
  },
  number: {
    hint: ['The number {found} is wrong.', 'The answer is not {found}.', 'The number is wrong.'],
    reveal: [
      'The answer is {wanted}, not {found}.',
      'The number is wrong, it should be {wanted}, not {found}.',
    ],
  },
  factor: { hint: ['The conversion is wrong.'], reveal: ['The conversion is wrong, {wanted} is right.'] },
  unit: {
    hint: [
      'The unit is missing.',
      'The answer does not name the unit.',
      'A number alone is not enough, the unit is needed.',
    ],
    reveal: [
      'The unit is missing: it should say {wanted}.',
      'The answer forgets to say {wanted} after the number.',
    ],
  },
  order: {
    hint: [
      'The order is wrong.',
      'These are not in the right order.',
      'Some of the numbers have changed places.',
    ],
    reveal: ['The order is wrong, it should be {wanted}.', 'The right order is {wanted}.'],
  },
  'foreign-item': {
    hint: ['One of the items does not belong there.', 'Something in the list does not fit.'],
    reveal: ['One of the items does not belong there, {wanted} would be right.'],
  },
  'repeated-item': {
    hint: ['An item is named twice.', 'The list repeats itself.'],
    reveal: ['An item is named twice, {wanted} could stand there.'],
  },
  'too-few': {
    hint: ['The list is too short.', 'Something is missing from the list.', 'More was asked for.'],
    reveal: ['The list is too short, it should be {wanted}.'],
  },
  'too-many': {
    hint: ['The list is too long.', 'There is more in the list than was asked for.'],
    reveal: ['The list is too long, it should be {wanted}.'],
  },
  'verb-form': { hint: ['The verb is wrong.'], reveal: ['The verb is wrong, {wanted} is right.'] },
  person: { hint: ['This is the wrong person.'], reveal: ['This is the wrong person, {wanted} is right.'] },
  direction: { hint: ['This goes the wrong way.'], reveal: ['This goes the wrong way, {wanted} is right.'] },
  'lower-case': {
    hint: [
      'The first letter should be a capital.',
      'A sentence begins with a capital letter.',
      'The answer starts with a small letter.',
    ],
    reveal: ['The first word should be written {wanted}, with a capital letter.'],
  },
  greeting: {
    hint: [
      'The answer should not begin with a greeting.',
      'No greeting is needed.',
      'Leave out the words before the answer.',
    ],
    reveal: [],
  },
  closing: {
    hint: [
      'The last sentence is not needed.',
      'The answer should end after the first sentence.',
      'Leave out the friendly words at the end.',
    ],
    reveal: [],
  },
  'extra-text': {
    hint: ['The answer goes on after it is complete.', 'There is too much text after the answer.'],
    reveal: [],
  },
  unfinished: {
    hint: ['The answer breaks off.', 'The answer is not finished.', 'The sentence has no end.'],
    reveal: [],
  },
  garbled: {
    hint: [
      'This does not answer the question.',
      'The answer makes no sense.',
      'The sentence cannot be understood.',
    ],
    reveal: ['This does not answer the question. A right answer is: {wanted}'],
  },
  empty: { hint: ['There is no answer.', 'The answer is empty.'], reveal: [] },
};

/** One sentence or two for each error. Never begins with the word "Perfect". */
export function writeCritique(task: Task, errors: readonly AnswerError[], random: Random): string {
  const { wordings } = familyOf(task);
  const reveals = random.float() < REVEAL_RATE;
  return errors
    .map((error) => {
      const { hint, reveal } = wordings[error.kind] ?? commonWordings[error.kind];
      const values: Values = {
        ...task.values,
        ...(error.found === null ? {} : { found: error.found }),
        ...(error.wanted === '' ? {} : { wanted: error.wanted }),
      };
      const sayable = (texts: readonly string[]): string[] =>
        texts.map((text) => fill(text, values)).filter((text) => !text.includes('{'));
      const told = reveals ? sayable(reveal) : [];
      const options = told.length > 0 ? told : sayable(hint);
      return pick(options.length > 0 ? options : commonWordings[error.kind].hint, random);
    })
    .join(' ');
}
