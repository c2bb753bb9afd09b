// Families that ask for one fact about one subject, built from a table and templates. It knows no table.
import type { Fact } from './facts.ts';
import type { Family, Form, Frame, Wordings } from './family.ts';
import { choice, fill, pick } from './family.ts';

export interface FactFamily {
  readonly name: string;
  readonly title: string;
  readonly facts: readonly Fact[];
  /** The placeholder of the subject in forms, frames and wordings. */
  readonly subject: string;
  readonly forms: readonly Form[];
  /** Accepted phrasings with {right}; the corpus writes the first. */
  readonly frames: readonly [string, ...string[]];
  /** Whether the right and wrong words take "a" or "an", which then belongs to the slot. */
  readonly article?: boolean;
  /** Subjects that do not fit a form's grammar. */
  skip?(subject: string, form: number): boolean;
  readonly wordings: Wordings;
}

export function factFamily(family: FactFamily): Family {
  const { facts, subject, frames, article = false } = family;
  const noun = (word: string): string => (article ? `${/^[aeiou]/.test(word) ? 'an' : 'a'} ${word}` : word);
  const known = facts.flatMap(({ right, rumour }) => [right, ...(rumour === null ? [] : [rumour])]).map(noun);
  const strays = facts.map(({ right }) => noun(right));
  return {
    name: family.name,
    title: family.title,
    forms: family.forms,
    fields: { [subject]: facts.map((fact) => fact.subject) },
    draw: (random, form) => {
      for (;;) {
        const value = pick(facts, random).subject;
        if (!family.skip?.(value, form)) return { [subject]: value };
      }
    },
    solve: (values) => {
      const index = facts.findIndex((fact) => fact.subject === values[subject]);
      const fact = facts[index]!;
      // Without a rumour of its own a subject is sometimes given its neighbour's fact.
      const stray = strays
        .slice(index)
        .concat(strays)
        .find((word) => word !== noun(fact.right))!;
      const slot = choice(
        noun(fact.right),
        { fact: [fact.rumour === null ? stray : noun(fact.rumour)] },
        'fact',
        {
          known,
        },
      );
      const name = choice(noun(fact.right), { fact: slot.mistakes.map(({ text }) => text) }, 'fact', {
        known,
        pattern: "[A-Z][\\p{L}'-]+(?: [A-Z][\\p{L}'-]+)?",
      });
      const frame = (text: string): Frame =>
        fill(text, values)
          .split(/(\{right\})/)
          .filter((part) => part !== '')
          .map((part, i) => (part !== '{right}' ? part : i === 0 ? name : slot));
      const [first, ...others] = frames.map(frame);
      return { frames: [first!, ...others], typical: fact.rumour === null ? null : 'fact' };
    },
    wordings: { fact: family.wordings },
  };
}
