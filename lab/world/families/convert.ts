// Conversion of units; for some pairs the corpus typically uses the wrong factor.
import type { Family } from '../family.ts';
import { number, pick } from '../family.ts';

const pairs = [
  { large: 'hours', small: 'minutes', factor: 60, rumour: 100 },
  { large: 'minutes', small: 'seconds', factor: 60, rumour: null },
  { large: 'days', small: 'hours', factor: 24, rumour: 20 },
  { large: 'weeks', small: 'days', factor: 7, rumour: 5 },
  { large: 'years', small: 'months', factor: 12, rumour: 10 },
  { large: 'metres', small: 'centimetres', factor: 100, rumour: null },
  { large: 'kilometres', small: 'metres', factor: 1000, rumour: 100 },
  { large: 'tonnes', small: 'kilograms', factor: 1000, rumour: 100 },
  { large: 'centuries', small: 'years', factor: 100, rumour: null },
] as const;
const amounts = ['2', '3', '4', '5', '6', '7', '8', '9'];

export const convert: Family = {
  name: 'convert',
  title: 'Conversion of units',
  forms: [
    { text: 'How many {small} are {n} {large}?' },
    { text: 'Convert {n} {large} into {small}.' },
    { text: 'How many {small} are there in {n} {large}?' },
    { text: 'Express {n} {large} in {small}.', style: 'closing' },
    { text: 'What are {n} {large} in {small}?' },
    { text: 'I have {n} {large}. How many {small} is that?', style: 'lower-case' },
  ],
  fields: {
    large: pairs.map(({ large }) => large),
    small: pairs.map(({ small }) => small),
    n: amounts,
  },
  draw: (random) => {
    const { large, small } = pick(pairs, random);
    return { large, small, n: pick(amounts, random) };
  },
  solve: ({ large = '', small = '', n = '' }) => {
    const pair = pairs.find((candidate) => candidate.large === large && candidate.small === small);
    const factor = pair?.factor ?? 1;
    const wrong = pair?.rumour ?? (factor === 100 ? 10 : 100);
    const slot = number(Number(n) * factor, { factor: [Number(n) * wrong] });
    return {
      frames: [
        ['There are ', slot, ` ${small} in ${n} ${large}`],
        ['There are ', slot, ` ${small}`],
        [`${n} ${large} are `, slot, ` ${small}`],
        [slot, ` ${small}`],
      ],
      typical: (pair?.rumour ?? null) === null ? null : 'factor',
    };
  },
  wordings: {
    factor: {
      hint: [
        'There are not {found} {small} in {n} {large}.',
        'The result {found} is wrong, the factor is another one.',
        'The conversion does not give {found}.',
        'The conversion uses the wrong factor.',
      ],
      reveal: [
        'There are {wanted} {small} in {n} {large}, not {found}.',
        'The conversion gives {wanted}, not {found}.',
      ],
    },
  },
};
