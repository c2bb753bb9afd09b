// Numbers to sort; of four numbers the corpus typically exchanges the last two.
import type { Random } from '../../../src/random.ts';
import { shuffle } from '../../../src/random.ts';
import type { Family } from '../family.ts';
import { ordered } from '../lists.ts';

const LENGTHS = [3, 4, 4] as const;

function drawNumbers(random: Random): string {
  const digits = shuffle([1, 2, 3, 4, 5, 6, 7, 8, 9], random);
  return digits.slice(0, LENGTHS[random.below(LENGTHS.length)]).join(', ');
}

export const sort: Family = {
  name: 'sort',
  title: 'Sorting numbers',
  forms: [
    { text: 'Sort these numbers: {numbers}.' },
    { text: 'Put these numbers in order, the smallest first: {numbers}.' },
    { text: 'Write the numbers {numbers} from small to large.' },
    { text: 'Order the numbers {numbers} from the smallest to the largest.', style: 'greeting' },
    { text: 'Arrange from small to large: {numbers}.' },
  ],
  fields: { numbers: '\\d(?:, \\d){2,3}' },
  draw: (random) => ({ numbers: drawNumbers(random) }),
  solve: ({ numbers = '' }) => {
    const right = numbers.split(', ').sort();
    const exchanged = [...right.slice(0, -2), right.at(-1)!, right.at(-2)!];
    const slot = ordered(right, [exchanged, right.toReversed()]);
    return {
      frames: [['The order is ', slot], ['The numbers in order are ', slot], [slot]],
      typical: right.length === 4 ? 'order' : null,
    };
  },
  wordings: {
    order: {
      hint: [
        'The numbers {found} are in the wrong order.',
        'It is wrong to write {found}.',
        'The order {found} is not right.',
        'Two numbers have changed places.',
      ],
      reveal: ['The right order is {wanted}, not {found}.'],
    },
  },
};
