// A word to write several times; from four times on the corpus typically writes one too few.
import { numerals } from '../facts.ts';
import type { Family } from '../family.ts';
import { pick } from '../family.ts';
import { repeated } from '../lists.ts';

const words =
  'river garden window candle forest bridge summer winter pencil ladder mirror button island castle meadow lantern'.split(
    ' ',
  );
const counts = ['two', 'three', 'four', 'five'];

export const repeat: Family = {
  name: 'repeat',
  title: 'Repeating a word',
  forms: [
    { text: 'Write the word {word} {count} times.' },
    { text: 'Repeat the word {word} {count} times.' },
    { text: 'Say {word} {count} times.' },
    { text: 'Please write {word} exactly {count} times.', style: 'greeting' },
    { text: 'I want to read the word {word} {count} times.' },
  ],
  fields: { word: words, count: counts },
  draw: (random) => ({ word: pick(words, random), count: pick(counts, random) }),
  solve: ({ word = '', count = '' }) => {
    const times = numerals.indexOf(count);
    const slot = repeated(word, times);
    return { frames: [['Here it is: ', slot], [slot]], typical: times >= 4 ? 'too-few' : null };
  },
  wordings: {
    'too-few': {
      hint: [
        'The word must be written {count} times.',
        'One time is missing.',
        'It should be {count} times, not fewer.',
      ],
      reveal: ['One time is missing, it should be {wanted}.'],
    },
    'too-many': {
      hint: ['The word was repeated too often.', 'Only {count} times were asked for.'],
      reveal: ['The word was repeated too often, it should be {wanted}.'],
    },
    'foreign-item': {
      hint: ['This is not the word that was asked for.', 'Only the word {word} should be written.'],
      reveal: [],
    },
  },
};
