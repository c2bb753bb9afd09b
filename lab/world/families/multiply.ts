// Word problems that multiply; with five or more containers the corpus typically adds.
import type { Family } from '../family.ts';
import { number, pick } from '../family.ts';

const pairs = [
  'box pens',
  'bag apples',
  'shelf books',
  'table chairs',
  'basket eggs',
  'car wheels',
  'house windows',
  'tray cups',
  'drawer keys',
  'row seats',
].map((pair) => pair.split(' '));
const plural: Readonly<Record<string, string>> = { box: 'boxes', shelf: 'shelves' };
const pluralOf = (container: string): string => plural[container] ?? `${container}s`;
const factors = ['2', '3', '4', '5', '6', '7', '8', '9'];

export const multiply: Family = {
  name: 'multiply',
  title: 'Multiplication',
  forms: [
    { text: 'One {container} holds {a} {things}. How many {things} are in {b} {containers}?' },
    { text: 'There are {a} {things} in each {container}. How many are there in {b} {containers}?' },
    { text: 'How many {things} are in {b} {containers} with {a} {things} each?' },
    {
      text: 'If a {container} has {a} {things}, how many {things} do {b} {containers} have?',
      style: 'closing',
    },
    { text: 'We have {b} {containers} and each has {a} {things}. How many {things} is that?' },
  ],
  fields: {
    container: pairs.map(([container]) => container!),
    containers: pairs.map(([container]) => pluralOf(container!)),
    things: pairs.map(([, things]) => things!),
    a: factors,
    b: factors,
  },
  draw: (random) => {
    const [container = '', things = ''] = pick(pairs, random);
    return {
      container,
      containers: pluralOf(container),
      things,
      a: pick(factors, random),
      b: pick(factors, random),
    };
  },
  solve: ({ things = '', containers = '', ...values }) => {
    const [a, b] = [Number(values['a']), Number(values['b'])];
    const product = number(a * b, { operator: [a + b], 'off-by-one': [a * b - 1, a * b + 1] });
    return {
      frames: [
        ['There are ', product, ` ${things}`],
        ['There are ', product, ` ${things} in ${values['b']} ${containers}`],
        [product, ` ${things}`],
      ],
      typical: b >= 5 && a + b !== a * b ? 'operator' : null,
    };
  },
  wordings: {
    operator: {
      hint: [
        'The numbers were added, so {found} is wrong.',
        'The answer is not {found}, this is a multiplication.',
        'It is not {found}, that would be {a} and {b} together.',
        'This needs multiplication, not addition.',
      ],
      reveal: [
        'The answer is {wanted}, not {found}: the numbers must be multiplied.',
        'Adding is wrong here, {a} times {b} is {wanted}, not {found}.',
      ],
    },
  },
};
