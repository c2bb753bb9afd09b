// Word problems that subtract; for some units the corpus typically leaves the unit out.
import type { Family } from '../family.ts';
import { number, pick, unit } from '../family.ts';

const stores = [
  { thing: 'rope', unit: 'metres', verb: 'cut off', hard: true },
  { thing: 'barrel', unit: 'litres', verb: 'poured out', hard: true },
  { thing: 'sack', unit: 'kilograms', verb: 'taken out', hard: true },
  { thing: 'purse', unit: 'euros', verb: 'spent', hard: false },
  { thing: 'tape', unit: 'centimetres', verb: 'torn off', hard: true },
  { thing: 'jar', unit: 'grams', verb: 'used up', hard: false },
  { thing: 'tank', unit: 'gallons', verb: 'burnt', hard: true },
  { thing: 'bottle', unit: 'glasses', verb: 'drunk', hard: false },
];
const units = stores.map((store) => store.unit);
const minuends = ['10', '11', '12', '13', '14', '15', '16'];
const subtrahends = ['2', '3', '4', '5', '6', '7', '8', '9'];

export const subtract: Family = {
  name: 'subtract',
  title: 'Subtraction with units',
  forms: [
    { text: 'A {thing} holds {a} {unit}. Then {b} {unit} are {verb}. How much is left?' },
    { text: 'There were {a} {unit} in a {thing} and {b} {unit} were {verb}. What remains?' },
    {
      text: 'Of the {a} {unit} in the {thing}, {b} {unit} were {verb}. How much remains?',
      style: 'lower-case',
    },
    { text: 'How much is left of {a} {unit} in a {thing} when {b} {unit} are {verb}?' },
    {
      text: 'From a {thing} with {a} {unit}, {b} {unit} are {verb}. How much is in it now?',
      style: 'greeting',
    },
  ],
  fields: {
    thing: stores.map((store) => store.thing),
    unit: units,
    verb: stores.map((store) => store.verb),
    a: minuends,
    b: subtrahends,
  },
  draw: (random) => {
    const { thing, unit: measure, verb } = pick(stores, random);
    return { thing, unit: measure, verb, a: pick(minuends, random), b: pick(subtrahends, random) };
  },
  solve: (values) => {
    const [a, b] = [Number(values['a']), Number(values['b'])];
    const slot = number(a - b, { 'off-by-one': [a - b - 1, a - b + 1], operator: [a + b] });
    const measure = unit(values['unit']!, units);
    const hard = stores.find((store) => store.unit === values['unit'])!.hard;
    return {
      frames: [
        ['There are now ', slot, measure],
        ['There are ', slot, measure],
        ['There are ', slot, measure, ' left'],
        ['It is ', slot, measure],
        [slot, measure],
      ],
      typical: hard ? 'unit' : null,
    };
  },
  wordings: {
    operator: {
      hint: ['The numbers were added, not subtracted.', 'This needs subtraction, not addition.'],
      reveal: ['The numbers must be subtracted, which leaves {wanted}.'],
    },
    unit: {
      hint: [
        'The unit is missing.',
        'The answer does not name the unit.',
        'A number alone is not enough here.',
      ],
      reveal: ['The unit is missing: it should say {wanted}.', 'The number is given without {wanted}.'],
    },
  },
};
