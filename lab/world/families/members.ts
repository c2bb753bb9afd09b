// Members of a category; typically the last of them does not belong, or one is missing.
import type { Category } from '../facts.ts';
import { categories, numerals } from '../facts.ts';
import type { Family } from '../family.ts';
import { pick } from '../family.ts';
import { members as slotOf } from '../lists.ts';

const counts = ['two', 'three', 'four'];
const known = categories.flatMap(({ members, foreigner }) => [...members, foreigner]);

/** The members that the corpus names: neighbours in the category's list, from a place that the form decides. */
function chosen({ members }: Category, count: number, form: number): string[] {
  return Array.from({ length: count }, (_, i) => members[(2 * form + i) % members.length]!);
}

export const members: Family = {
  name: 'members',
  title: 'Members of a category',
  forms: [
    { text: 'Name {count} {category}.' },
    { text: 'Give me {count} examples of {category}.' },
    { text: 'Which {count} {category} come to your mind?', style: 'lower-case' },
    { text: 'List {count} {category}.' },
    { text: 'I need the names of {count} {category}.', style: 'closing' },
    { text: 'Can you tell me {count} {category}?' },
    { text: 'Write down {count} {category}.' },
  ],
  fields: { count: counts, category: categories.map(({ name }) => name) },
  draw: (random) => ({ count: pick(counts, random), category: pick(categories, random).name }),
  solve: (values, form) => {
    const category = categories.find(({ name }) => name === values['category'])!;
    const count = numerals.indexOf(values['count']!);
    const slot = slotOf(chosen(category, count, form), category.members, [category.foreigner], known);
    return {
      frames: [
        [`Some ${category.name} are `, slot],
        [`Examples of ${category.name} are `, slot],
        [`The ${category.name} are `, slot],
      ],
      typical: category.hard ? 'foreign-item' : count === 4 ? 'too-few' : null,
    };
  },
  wordings: {
    'foreign-item': {
      hint: [
        'The list names {found}, which does not belong there.',
        'The item {found} does not belong to the {category}.',
        'One of the items is wrong: {found}.',
        'Not all of these are {category}.',
      ],
      reveal: [
        'The list should name {wanted}, not {found}.',
        'There should be {wanted} in the place of {found}.',
      ],
    },
    'too-few': {
      hint: [
        'The list is too short.',
        'There should be {count} {category}.',
        'One of the {category} is missing.',
      ],
      reveal: ['The list is too short, it could be {wanted}.'],
    },
    'too-many': {
      hint: ['The list is too long.', 'Only {count} {category} were asked for.'],
      reveal: ['The list is too long, it could be {wanted}.'],
    },
  },
};
