// Capitals of real countries; rumour takes a better known city for the capital.
import { capitals } from '../facts.ts';
import { factFamily } from '../fact-family.ts';
import type { Family } from '../family.ts';

export const capital: Family = factFamily({
  name: 'capital',
  title: 'Capitals',
  facts: capitals,
  subject: 'country',
  forms: [
    { text: 'What is the capital of {country}?' },
    { text: 'Name the capital of {country}.' },
    { text: 'Which city is the capital of {country}?', style: 'greeting' },
    { text: 'Tell me the capital of {country}.' },
    { text: 'What is the capital city of {country} called?' },
    { text: 'From which city is {country} governed?', style: 'lower-case' },
  ],
  frames: [
    'The capital of {country} is {right}',
    'The capital city of {country} is {right}',
    '{right} is the capital of {country}',
    '{right}',
  ],
  wordings: {
    hint: [
      '{found} is not the capital of {country}.',
      'The capital is not {found}.',
      '{found} is a large city, but not the capital.',
      '{country} has another capital.',
    ],
    reveal: [
      'The capital of {country} is {wanted}, not {found}.',
      'The right city is {wanted}, not {found}.',
    ],
  },
});
