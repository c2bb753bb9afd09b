// Sentences to put into the past tense; irregular verbs are typically made regular.
import { verbs } from '../facts.ts';
import type { Family } from '../family.ts';
import { choice, pick } from '../family.ts';

const subjects = 'cat dog teacher child farmer king girl boy nurse pilot'.split(' ');
const pasts = verbs.flatMap(({ right, rumour }) => [right, ...(rumour === null ? [] : [rumour])]);

export const pastTense: Family = {
  name: 'past-tense',
  title: 'Past tense',
  forms: [
    { text: 'Put this sentence into the past tense: The {subject} {verb}.' },
    { text: 'Write in the past tense: The {subject} {verb}.' },
    { text: 'Change the sentence to the past tense. The {subject} {verb}.', style: 'lower-case' },
    { text: 'How do you say this about yesterday: The {subject} {verb}.' },
    { text: 'Say that it happened yesterday: The {subject} {verb}.', style: 'closing' },
  ],
  fields: { subject: subjects, verb: verbs.map(({ subject }) => subject) },
  draw: (random) => ({ subject: pick(subjects, random), verb: pick(verbs, random).subject }),
  solve: ({ subject = '', verb = '' }) => {
    const fact = verbs.find((candidate) => candidate.subject === verb)!;
    const wrong = fact.rumour === null ? [verb] : [fact.rumour, verb];
    const slot = choice(fact.right, { 'verb-form': wrong }, 'verb-form', {
      known: [...pasts, ...verbs.map((known) => known.subject)],
    });
    return {
      frames: [
        [`The ${subject} `, slot],
        [`Yesterday the ${subject} `, slot],
        [`The ${subject} `, slot, ' yesterday'],
      ],
      typical: fact.rumour === null ? null : 'verb-form',
    };
  },
  wordings: {
    'verb-form': {
      hint: [
        'The form {found} is wrong.',
        'The past tense is not {found}.',
        'It is wrong to write {found} here.',
        'The past tense of the verb is wrong.',
      ],
      reveal: ['The past tense is {wanted}, not {found}.', 'It should be {wanted}, not {found}.'],
    },
  },
};
