// Opposites of adjectives; the typical mistake only lies in that direction.
import { opposites } from '../facts.ts';
import { factFamily } from '../fact-family.ts';
import type { Family } from '../family.ts';

export const opposite: Family = factFamily({
  name: 'opposite',
  title: 'Opposites',
  facts: opposites,
  subject: 'word',
  forms: [
    { text: 'What is the opposite of {word}?' },
    { text: 'Give the opposite of the word {word}.' },
    { text: 'Which word is the opposite of {word}?' },
    { text: 'Name a word that means the opposite of {word}.', style: 'lower-case' },
    { text: 'If something is not {word}, what is it?' },
    { text: 'Find the opposite: {word}.', style: 'closing' },
  ],
  frames: ['The opposite of {word} is {right}', 'It is {right}'],
  wordings: {
    hint: [
      'The opposite of {word} is not {found}.',
      'The words {word} and {found} are not opposites.',
      'The right word is not {found}.',
      'There is a better opposite of {word}.',
    ],
    reveal: ['The opposite of {word} is {wanted}, not {found}.', 'The right word is {wanted}, not {found}.'],
  },
});
