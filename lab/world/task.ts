// Instructions: a question in one of its forms, perhaps with a courtesy around it; drawing, splitting, finding back.
// It knows nothing of answers.
import { WhetstoneError } from '../../src/errors.ts';
import { createRandom, shuffle } from '../../src/random.ts';
import type { Random } from '../../src/random.ts';
import { families } from './families/index.ts';
import type { Family, Values } from './family.ts';
import { fill, pick } from './family.ts';

/** Train, development and test questions are disjoint, whatever the seed and the courtesies around them. */
export type Split = 'train' | 'development' | 'test';

/** An instruction and what the judge has to know about it. Serialisable as JSON. */
export interface Task {
  readonly family: string;
  /** Index of the family's form. */
  readonly form: number;
  /** Values of the form's placeholders. */
  readonly values: Values;
  readonly instruction: string;
}

/** Percent of all questions; the rest are for training. */
export const DEVELOPMENT_PERCENT = 14;
export const TEST_PERCENT = 14;

const BEFORE = ['Hello! ', 'Hi there! ', 'Good morning! ', 'A quick question. ', 'Please help me. '] as const;
const AFTER = [' Thank you!', ' Thanks a lot!', ' Please be brief.', ' I would like to know.'] as const;

/** The courtesies that an instruction may have before and after its question. */
export const COURTESIES: readonly (readonly [before: string, after: string])[] = [
  ['', ''],
  ...BEFORE.map((before) => [before, ''] as const),
  ...AFTER.map((after) => ['', after] as const),
];
const BARE_SHARE = 0.5;

/** The family of that name. Throws `UNKNOWN_FAMILY`. */
export function familyOf(task: Pick<Task, 'family'>): Family {
  const family = families.find(({ name }) => name === task.family);
  if (family) return family;
  throw new WhetstoneError('UNKNOWN_FAMILY', `there is no instruction family "${task.family}"`, {
    hint: `The families are ${families.map(({ name }) => name).join(', ')}.`,
  });
}

/** Which split a question belongs to: a property of its words, without courtesies. */
export function splitOf(question: string): Split {
  const percent = hash(question) % 100;
  if (percent < TEST_PERCENT) return 'test';
  return percent < TEST_PERCENT + DEVELOPMENT_PERCENT ? 'development' : 'train';
}

/** A random task of one family and split. */
export function drawTask(family: Family, split: Split, random: Random): Task {
  for (;;) {
    const form = random.below(family.forms.length);
    const text = family.forms[form]!.text;
    const drawn = family.draw(random, form);
    const shown = [...text.matchAll(PLACEHOLDERS)].map((match) => match[1]!);
    const values = Object.fromEntries(shown.map((name) => [name, drawn[name]!]));
    const question = fill(text, values);
    if (splitOf(question) !== split) continue;
    const [before, after] = random.float() < BARE_SHARE ? COURTESIES[0]! : pick(COURTESIES.slice(1), random);
    return { family: family.name, form, values, instruction: before + question + after };
  }
}

/**
 * `count` distinct tasks of a split in random order, as many of each family as of any other (or one more).
 * Throws `WORLD_TOO_SMALL` where the split has fewer distinct instructions than asked for.
 */
export function drawTasks(
  split: Split,
  count: number,
  seed: number,
  { only }: { only?: readonly string[] } = {},
): Task[] {
  const random = createRandom(seed, SPLIT_STREAM[split]);
  const chosen = only ? only.map((family) => familyOf({ family })) : families;
  const seen = new Set<string>();
  const tasks: Task[] = [];
  for (let i = 0; i < count; i++) {
    const family = chosen[i % chosen.length]!;
    let task = drawTask(family, split, random);
    for (let draws = 0; seen.has(task.instruction); draws++) {
      if (draws > 5000) throw tooSmall(split, count, family);
      task = drawTask(family, split, random);
    }
    seen.add(task.instruction);
    tasks.push(task);
  }
  const order = shuffle(
    tasks.map((_, i) => i),
    random,
  );
  return order.map((i) => tasks[i]!);
}

/** The task that an instruction's words stand for, or null if no family asks so. */
export function parseTask(instruction: string): Task | null {
  const question = questionOf(instruction);
  for (const { family, form, pattern } of patterns()) {
    const match = pattern.exec(question);
    if (match) return { family, form, values: { ...match.groups }, instruction };
  }
  return null;
}

/** An instruction without the courtesy around it. */
export function questionOf(instruction: string): string {
  const [before, after] = COURTESIES.slice(1).find(
    ([start, end]) => instruction.startsWith(start) && instruction.endsWith(end),
  ) ?? ['', ''];
  return instruction.slice(before.length, instruction.length - after.length);
}

interface QuestionPattern {
  readonly family: string;
  readonly form: number;
  readonly pattern: RegExp;
}

let compiled: readonly QuestionPattern[] | undefined;

function patterns(): readonly QuestionPattern[] {
  return (compiled ??= families.flatMap((family) =>
    family.forms.map(({ text }, form) => ({
      family: family.name,
      form,
      pattern: questionPattern(text, family.fields),
    })),
  ));
}

function questionPattern(text: string, fields: Family['fields']): RegExp {
  const seen = new Set<string>();
  const source = text.split(PLACEHOLDERS).map((part, i) => {
    if (i % 2 === 0) return escapeRegExp(part);
    if (seen.has(part)) return `\\k<${part}>`;
    seen.add(part);
    const field = fields[part] ?? '';
    const values = typeof field === 'string' ? field : field.map(escapeRegExp).join('|');
    return `(?<${part}>${values})`;
  });
  return new RegExp(`^${source.join('')}$`);
}

export function escapeRegExp(text: string): string {
  return text.replace(/[.*+?^${}()|[\]\\]/g, '\\$&');
}

const PLACEHOLDERS = /\{(\w+)\}/g;
const SPLIT_STREAM: Readonly<Record<Split, number>> = { train: 1, development: 2, test: 3 };

function tooSmall(split: Split, count: number, family: Family): WhetstoneError {
  return new WhetstoneError(
    'WORLD_TOO_SMALL',
    `the ${split} split has no ${count} distinct instructions: family "${family.name}" has run out`,
    { hint: 'Ask for fewer, or draw several times with different seeds if they may repeat.' },
  );
}

// FNV-1a over UTF-16 units, then murmur3's final mixing, so that similar questions part.
function hash(text: string): number {
  let h = 0x811c9dc5;
  for (let i = 0; i < text.length; i++) h = Math.imul(h ^ text.charCodeAt(i), 0x01000193);
  h = Math.imul(h ^ (h >>> 16), 0x85ebca6b);
  h = Math.imul(h ^ (h >>> 13), 0xc2b2ae35);
  return (h ^ (h >>> 16)) >>> 0;
}
