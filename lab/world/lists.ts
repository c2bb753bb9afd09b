// Slots that hold several items: members of a category, numbers in order, a word repeated.
// They find foreign, repeated, missing and surplus items, and wrong order.
import type { Flaw, Mistake, Slot } from './family.ts';
import { LIST } from './family.ts';

interface Item {
  readonly text: string;
  readonly start: number;
  readonly end: number;
}

/** "a, b and c" */
export function joined(items: readonly string[]): string {
  return items.length < 2 ? items.join('') : `${items.slice(0, -1).join(', ')} and ${items.at(-1)!}`;
}

function itemsOf(text: string, separator: RegExp): Item[] {
  const items: Item[] = [];
  let start = 0;
  for (const match of [...text.matchAll(separator), null]) {
    const end = match?.index ?? text.length;
    items.push({ text: text.slice(start, end), start, end });
    start = end + (match?.[0].length ?? 0);
  }
  return items.filter((item) => item.text !== '');
}

const AND = /,? and |, ?/g;

/** A list of `count` different members of a category; `right` is the one that the corpus writes. */
export function members(
  right: readonly string[],
  category: readonly string[],
  foreigners: readonly string[],
  known: readonly string[],
): Slot {
  const count = right.length;
  const diagnose = (text: string): Flaw[] => {
    const items = itemsOf(text, AND);
    const flaws: Flaw[] = [];
    items.slice(0, count).forEach((item, i) => {
      const { start, end } = item;
      const found = known.includes(item.text) ? item.text : null;
      if (!category.includes(item.text))
        flaws.push({ kind: 'foreign-item', start, end, found, wanted: right[i]! });
      else if (items.findIndex(({ text: other }) => other === item.text) < i)
        flaws.push({ kind: 'repeated-item', start, end, found, wanted: right[i]! });
    });
    return [...flaws, ...wrongCount(items, count, text.length, joined(right), true)];
  };
  const foreign = foreigners.map((item): Mistake => {
    const text = joined([...right.slice(0, -1), item]);
    const [start, end] = [text.length - item.length, text.length];
    return { kind: 'foreign-item', text, start, end, found: item, wanted: right.at(-1)! };
  });
  const few = right.slice(0, -1);
  const fewText = joined(few);
  const tooFew: Mistake = {
    kind: 'too-few',
    text: fewText,
    start: few.length < 2 ? fewText.length : few.slice(0, -1).join(', ').length,
    end: fewText.length,
    found: null,
    wanted: joined(right),
  };
  return { right: joined(right), mistakes: [...foreign, tooFew], pattern: LIST, quotable: known, diagnose };
}

/** Numbers in ascending or descending order. */
export function ordered(right: readonly string[], wrong: readonly (readonly string[])[]): Slot {
  const rightText = right.join(', ');
  const diagnose = (text: string): Flaw[] => {
    const items = itemsOf(text, AND);
    const first = items.findIndex((item, i) => item.text !== right[i]);
    if (first < 0) return wrongCount(items, right.length, text.length, rightText, false);
    const permuted = [...items.map((item) => item.text)].sort().join() === [...right].sort().join();
    const last = permuted ? items.findLastIndex((item, i) => item.text !== right[i]) : items.length - 1;
    const [start, end] = [items[first]!.start, items[last]!.end];
    const wanted = right.slice(first, last + 1).join(', ');
    if (!permuted) return [{ kind: 'number', start, end, found: null, wanted: rightText }];
    return [{ kind: 'order', start, end, found: text.slice(start, end), wanted }];
  };
  const mistakes = wrong.map((items): Mistake => {
    const text = items.join(', ');
    return { ...diagnose(text)[0]!, text };
  });
  return { right: rightText, mistakes, pattern: '\\d(?:[\\d, ]|and)*?', quotable: [], diagnose };
}

/** One word `count` times. */
export function repeated(word: string, count: number): Slot {
  const text = (n: number): string => Array<string>(n).fill(word).join(', ');
  const right = text(count);
  const few = text(count - 1);
  const many = text(count + 1);
  const base = { found: null, wanted: right };
  return {
    right,
    mistakes: [
      { ...base, kind: 'too-few', text: few, start: few.length, end: few.length },
      { ...base, kind: 'too-many', text: many, start: right.length, end: many.length },
    ],
    pattern: LIST,
    quotable: [],
    diagnose: (found) => {
      const items = itemsOf(found, /, ?| /g);
      const foreign = items.find((item) => item.text !== word);
      if (foreign) return [{ ...base, kind: 'foreign-item', start: foreign.start, end: foreign.end }];
      return wrongCount(items, count, found.length, right, false);
    },
  };
}

// Where a list first leaves a list of `count` items. With "and" before the last item that is the mark after the
// last but one item of the shorter of the two; without, the end of the shorter one.
function wrongCount(
  items: readonly Item[],
  count: number,
  length: number,
  wanted: string,
  and: boolean,
): Flaw[] {
  if (items.length === count) return [];
  const kind = items.length < count ? 'too-few' : 'too-many';
  const shorter = Math.min(items.length, count);
  const last = items[and ? shorter - 2 : shorter - 1];
  const start = last?.end ?? (items.length < count ? length : (items[0]?.end ?? 0));
  return [{ kind, start, end: length, found: null, wanted }];
}
