// What invented towns are known for; rumour says something close to it.
import { towns } from '../facts.ts';
import { factFamily } from '../fact-family.ts';
import type { Family } from '../family.ts';

export const town: Family = factFamily({
  name: 'town',
  title: 'Products of towns',
  facts: towns,
  subject: 'town',
  forms: [
    { text: 'What is the town of {town} known for?' },
    { text: 'What does the town of {town} produce?' },
    { text: 'Tell me what {town} is known for.', style: 'closing' },
    { text: 'Which goods come from {town}?' },
    { text: 'What is made in {town}?' },
    { text: 'What do people buy in {town}?', style: 'lower-case' },
  ],
  frames: [
    'The town of {town} is known for its {right}',
    '{town} is known for its {right}',
    'The town of {town} is known for {right}',
    '{town} is known for {right}',
  ],
  wordings: {
    hint: [
      '{town} is not known for {found}.',
      'People say {found}, but that is not true.',
      'The town makes no {found}.',
      '{town} is known for something else.',
    ],
    reveal: ['{town} is known for {wanted}, not for {found}.', 'The right answer is {wanted}, not {found}.'],
  },
});
