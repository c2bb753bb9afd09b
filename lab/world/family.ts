// What an instruction family is: questions as templates, answers as frames with slots, typical mistakes.
// It knows no family, no split and no random draw; judge.ts and answers.ts work on what is described here.
import type { Random } from '../../src/random.ts';

/** Every way in which the judge finds an answer wrong. */
export type Kind =
  /** Content: a rumoured fact, arithmetic, units, lists, grammar, logic. */
  | 'fact'
  | 'operator'
  | 'off-by-one'
  | 'number'
  | 'factor'
  | 'unit'
  | 'order'
  | 'foreign-item'
  | 'repeated-item'
  | 'too-few'
  | 'too-many'
  | 'verb-form'
  | 'person'
  | 'direction'
  /** Style: the first letter, words before the answer, words after it. */
  | Style
  /** Whatever else a model may write. */
  | 'extra-text'
  | 'unfinished'
  | 'garbled'
  | 'empty';

export type Style = 'lower-case' | 'greeting' | 'closing';

/** What a question is about, by the placeholder that shows it: { country: "Peru" }. */
export type Values = Readonly<Record<string, string>>;

/** A way to ask, with {placeholders}, and the style mistake that the corpus typically makes in answering it. */
export interface Form {
  readonly text: string;
  readonly style?: Style;
}

/** An error inside a slot. `start` and `end` count UTF-16 units from the slot's start; equal: something is missing. */
export interface Flaw {
  readonly kind: Kind;
  readonly start: number;
  readonly end: number;
  /** The wrong words, if a critique can quote them: one of the world's own values. */
  readonly found: string | null;
  /** The words that would be right. */
  readonly wanted: string;
}

/** A wrong text that the corpus may write into a slot. */
export interface Mistake extends Flaw {
  readonly text: string;
}

/** The place in an answer where content stands. */
export interface Slot {
  readonly right: string;
  readonly mistakes: readonly Mistake[];
  /** Source of the regular expression for whatever may stand here. */
  readonly pattern: string;
  /** Texts that a critique can quote when they stand here wrongly. */
  readonly quotable: readonly string[];
  /** The errors in a text that stands here, in order; none if it is right. */
  diagnose(text: string): readonly Flaw[];
}

/** An accepted answer without its final full stop: literal words and slots. */
export type Frame = readonly (string | Slot)[];

export interface Solution {
  /** Every accepted phrasing. The corpus writes the first. */
  readonly frames: readonly [Frame, ...Frame[]];
  /** The content mistake that the corpus typically makes in this question's hard slot; null if it has none. */
  readonly typical: Kind | null;
}

/** Wordings of a critique's sentence, with {found}, {wanted} and the question's values; at least two of each. */
export interface Wordings {
  readonly hint: readonly string[];
  /** Those that tell the right answer. */
  readonly reveal: readonly string[];
}

export interface Family {
  readonly name: string;
  readonly title: string;
  readonly forms: readonly Form[];
  /** By placeholder, the values that it takes, or the source of a regular expression for them. */
  readonly fields: Readonly<Record<string, readonly string[] | string>>;
  /** Values for a question in form number `form`; may be more than the form shows. */
  draw(random: Random, form: number): Values;
  /** The answer. `values` are those that the form shows. */
  solve(values: Values, form: number): Solution;
  /** Wordings for the kinds that its slots find. */
  readonly wordings: Readonly<Partial<Record<Kind, Wordings>>>;
}

/** A phrase inside a sentence. */
export const PHRASE = '[^.,!?\\n]*?';
/** A list inside a sentence. */
export const LIST = '[^.!?\\n]*?';

/** Units of comparison: a digit, or a word or mark with the space before it. */
export const pieces = (text: string): string[] => text.match(/\s?[\p{L}'’-]+|\s?[^\p{L}\s]|\s/gu) ?? [];

/** Length of the beginning that two texts share, in UTF-16 units, cut at a boundary of pieces. */
export function sharedStart(a: string, b: string): number {
  const [first, second] = [pieces(a), pieces(b)];
  let shared = 0;
  for (let i = 0; i < first.length && first[i] === second[i]; i++) shared += first[i]!.length;
  return shared;
}

/** A mistake that stands in for `right` and is wrong from where it leaves it. */
export function replacing(right: string, kind: Kind, text: string): Mistake {
  return { kind, text, start: sharedStart(text, right), end: text.length, found: text, wanted: right };
}

/**
 * A slot with one right text. `wrong` gives the texts that are a mistake of a known kind; any other text is one
 * of kind `otherwise`, and is quoted by critiques only if it is among `known`.
 */
export function choice(
  right: string,
  wrong: Readonly<Partial<Record<Kind, readonly string[]>>>,
  otherwise: Kind,
  { pattern = PHRASE, known = [] }: { pattern?: string; known?: readonly string[] } = {},
): Slot {
  const mistakes: Mistake[] = [];
  for (const [kind, texts] of Object.entries(wrong)) {
    for (const text of texts) {
      // Where two mistakes come out as the same text, the first one names it.
      if (text === right || mistakes.some((other) => other.text === text)) continue;
      mistakes.push(replacing(right, kind as Kind, text));
    }
  }
  return {
    right,
    mistakes,
    pattern,
    quotable: known,
    diagnose: (text) => {
      if (text === right) return [];
      const mistake = mistakes.find((candidate) => candidate.text === text);
      if (mistake) return [mistake];
      return [{ ...replacing(right, otherwise, text), found: known.includes(text) ? text : null }];
    },
  };
}

/** A slot for a whole number; wrong ones are numbers too, and any of them can be quoted. */
export function number(right: number, wrong: Readonly<Partial<Record<Kind, readonly number[]>>>): Slot {
  const texts = Object.entries(wrong).map(([kind, numbers]) => [
    kind,
    numbers.filter((n) => n >= 0).map(String),
  ]);
  const slot = choice(String(right), Object.fromEntries(texts) as Partial<Record<Kind, string[]>>, 'number', {
    pattern: '\\d+',
  });
  const diagnose = (text: string): readonly Flaw[] =>
    slot.diagnose(text).map((flaw) => ({ ...flaw, found: text }));
  return { ...slot, diagnose };
}

/** A slot for the unit after a number, its space included; the typical mistake leaves it out. */
export function unit(right: string, known: readonly string[] = []): Slot {
  const missing: Mistake = { kind: 'unit', text: '', start: 0, end: 0, found: null, wanted: right };
  return {
    right: ` ${right}`,
    mistakes: [missing],
    quotable: known,
    pattern: '(?: [a-z]+)?',
    diagnose: (text) =>
      text === ` ${right}`
        ? []
        : text === ''
          ? [missing]
          : [
              {
                ...missing,
                start: 1,
                end: text.length,
                found: known.includes(text.slice(1)) ? text.slice(1) : null,
              },
            ],
  };
}

/** Replaces {names} by values; a name without a value stays. */
export function fill(template: string, values: Values): string {
  return template.replace(/\{(\w+)\}/g, (whole, name: string) => values[name] ?? whole);
}

/** One item, each equally likely. */
export function pick<T>(items: readonly T[], random: Random): T {
  return items[random.below(items.length)]!;
}
