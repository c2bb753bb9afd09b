// The methods of Python's texts, lists and dicts that templates may call: those that change nothing.
import { withParameters } from './arguments.ts';
import type { Given } from './arguments.ts';
import { fault } from './fault.ts';
import type { Budget } from './fault.ts';
import { capitalize, isSpaceAt, lstrip, rstrip, strip, titleCase } from './python-text.ts';
import { braces } from './text-forms.ts';
import type { Callable, Dict, Value } from './values.ts';
import {
  callable,
  characters,
  equal,
  integerOf,
  isDict,
  isList,
  isTuple,
  isUndefined,
  itemsOf,
  orElse,
  keyOf,
  requireDefined,
  tuple,
  typeName,
} from './values.ts';

/** A method of a value by its name; undefined where it has none of that name. */
export function methodOf(value: Value, name: string, budget: Budget): Callable | undefined {
  if (typeof value === 'string') return own(textMethods, value, name, budget);
  if (isDict(value)) return own(dictMethods, value, name, budget) ?? changing(dictChanges, 'dict', name);
  if (isList(value)) return own(listMethods, value, name, budget) ?? changing(listChanges, 'list', name);
  return isTuple(value) ? own(listMethods, value.items, name, budget) : undefined;
}

type Method<Self> = readonly [
  parameters: readonly string[],
  required: number,
  work: (self: Self, given: Given, budget: Budget) => Value,
];
type Methods<Self> = Readonly<Record<string, Method<Self>>>;

function own<Self>(methods: Methods<Self>, self: Self, name: string, budget: Budget): Callable | undefined {
  const method = Object.hasOwn(methods, name) ? methods[name] : undefined;
  if (typeof self === 'string' && name === 'format')
    return callable(name, (args, named) => braces(self, args, named, budget));
  if (method === undefined) return undefined;
  const [parameters, required, work] = method;
  return callable(
    name,
    withParameters(`${name}()`, parameters, required, (given) => {
      if (typeof self === 'string') budget.text(self.length);
      return work(self, given, budget);
    }),
  );
}

/** What changes a list or dict is forbidden in chat templates, by transformers too. */
const listChanges = ['append', 'clear', 'extend', 'insert', 'pop', 'remove', 'reverse', 'sort'];
const dictChanges = ['clear', 'pop', 'popitem', 'setdefault', 'update'];
const changing = (names: readonly string[], type: string, name: string): Callable | undefined =>
  names.includes(name)
    ? callable(name, () => {
        throw fault('JINJA_FAILED', `a template may not change a ${type}, which .${name}() would do`);
      })
    : undefined;

const textAt = (given: Given, at: number, what: string): string => {
  const value = given[at];
  if (typeof value === 'string') return value;
  if (value !== undefined) requireDefined(value);
  throw fault('JINJA_FAILED', `${what} must be str, not ${typeName(value ?? null)}`);
};
const optionalText = (given: Given, at: number, what: string): string | null =>
  given[at] === undefined || given[at] === null ? null : textAt(given, at, what);
const wholeAt = (given: Given, at: number, usual: number, what: string): number =>
  given[at] === undefined ? usual : integerOf(given[at], what);

/** Without the given characters, or white space, at its ends. */
function stripped(text: string, chars: string | null, ends: 'left' | 'right' | 'both'): string {
  if (chars === null) return (ends === 'left' ? lstrip : ends === 'right' ? rstrip : strip)(text);
  const set = new Set(characters(chars));
  const all = characters(text);
  let [from, to] = [0, all.length];
  if (ends !== 'right') while (from < to && set.has(all[from]!)) from++;
  if (ends !== 'left') while (to > from && set.has(all[to - 1]!)) to--;
  return all.slice(from, to).join('');
}
const strips = (ends: 'left' | 'right' | 'both'): Method<string> => [
  ['chars'],
  0,
  (text, given) => stripped(text, optionalText(given, 0, 'strip argument'), ends),
];

/** Words between white space; the rest in one piece after `most` of them. */
function words(text: string, most: number, fromRight: boolean): string[] {
  const found: string[] = [];
  if (fromRight) {
    let rest = rstrip(text);
    while (rest !== '' && found.length !== most) {
      let start = rest.length;
      while (start > 0 && !isSpaceAt(rest, start - 1)) start--;
      found.unshift(rest.slice(start));
      rest = rstrip(rest.slice(0, start));
    }
    return rest === '' ? found : [rest, ...found];
  }
  let rest = lstrip(text);
  while (rest !== '' && found.length !== most) {
    let end = 0;
    while (end < rest.length && !isSpaceAt(rest, end)) end++;
    found.push(rest.slice(0, end));
    rest = lstrip(rest.slice(end));
  }
  return rest === '' ? found : [...found, rest];
}

function split(text: string, separator: string | null, most: number, fromRight: boolean): string[] {
  if (separator === null) return words(text, most, fromRight);
  if (separator === '') throw fault('JINJA_FAILED', 'empty separator');
  const parts = text.split(separator);
  if (most < 0 || parts.length <= most + 1) return parts;
  const cut = fromRight ? parts.length - most : most;
  return fromRight
    ? [parts.slice(0, cut).join(separator), ...parts.slice(cut)]
    : [...parts.slice(0, cut), parts.slice(cut).join(separator)];
}
const splits = (fromRight: boolean): Method<string> => [
  ['sep', 'maxsplit'],
  0,
  (text, given, budget) => {
    const parts = split(
      text,
      optionalText(given, 0, 'separator'),
      wholeAt(given, 1, -1, 'maxsplit'),
      fromRight,
    );
    budget.step(parts.length);
    return parts;
  },
];

/** Whether the text has one of the given ends, within [start, end) as slices count. */
const affixed = (test: (text: string, affix: string) => boolean): Method<string> => [
  ['prefix', 'start', 'end'],
  1,
  (text, given) => {
    const part = given[1] === undefined && given[2] === undefined ? text : sliced(text, given);
    const affixes = isTuple(given[0]!) ? given[0].items : [given[0]!];
    return affixes.some((affix, i) => test(part, textAt(affixes, i, 'the first argument')));
  },
];
const sliced = (text: string, given: Given): string =>
  characters(text)
    .slice(wholeAt(given, 1, 0, 'start'), given[2] == null ? undefined : wholeAt(given, 2, 0, 'end'))
    .join('');

/** Where a text holds another, counted in code points; -1 where it does not. */
const finds = (last: boolean, must: boolean): Method<string> => [
  ['sub', 'start', 'end'],
  1,
  (text, given) => {
    const sought = textAt(given, 0, 'the first argument');
    const all = characters(text);
    const start = Math.max(
      0,
      wholeAt(given, 1, 0, 'start') + (wholeAt(given, 1, 0, 'start') < 0 ? 1 : 0) * all.length,
    );
    const part = all.slice(start, given[2] == null ? undefined : wholeAt(given, 2, 0, 'end')).join('');
    const at = start > all.length ? -1 : last ? part.lastIndexOf(sought) : part.indexOf(sought);
    if (at >= 0) return start + characters(part.slice(0, at)).length;
    if (must) throw fault('JINJA_FAILED', 'substring not found');
    return -1;
  },
];

/** Python's `replace`; a count below 0 replaces all. */
export function replaced(text: string, old: string, by: string, count: number, budget: Budget): string {
  const parts = old === '' ? ['', ...characters(text), ''] : text.split(old);
  const times = count < 0 ? parts.length - 1 : Math.min(count, parts.length - 1);
  budget.text(text.length + times * by.length);
  budget.step(times / 8);
  return (
    parts.slice(0, times + 1).join(by) +
    (times < parts.length - 1 ? old + parts.slice(times + 1).join(old) : '')
  );
}

/** `sep.join(items)`, all of them texts. */
export function joined(separator: string, items: readonly Value[], budget: Budget): string {
  let size = 0;
  const texts = items.map((item, i) => {
    requireDefined(item);
    if (typeof item !== 'string')
      throw fault('JINJA_FAILED', `sequence item ${i}: expected str instance, ${typeName(item)} found`);
    size += item.length + separator.length;
    return item;
  });
  budget.step(texts.length);
  budget.text(size);
  return texts.join(separator);
}

const everyCharacter = (pattern: RegExp): Method<string> => [
  [],
  0,
  (text) => text !== '' && characters(text).every((each) => pattern.test(each)),
];
/** Whether all letters that have a case have this one, and there is one. */
const inCase = (fold: (text: string) => string): Method<string> => [
  [],
  0,
  (text) => text === fold(text) && text.toLowerCase() !== text.toUpperCase(),
];

/** Text in a field of so many characters. */
export function centered(text: string, width: number, fill: string, budget: Budget): string {
  const missing = width - characters(text).length;
  if (missing <= 0) return text;
  budget.text(width);
  const left = Math.floor(missing / 2) + (missing & width & 1);
  return fill.repeat(left) + text + fill.repeat(missing - left);
}
const justified = (side: 'left' | 'right' | 'middle'): Method<string> => [
  ['width', 'fillchar'],
  1,
  (text, given, budget) => {
    const width = wholeAt(given, 0, 0, 'width');
    const fill = optionalText(given, 1, 'fillchar') ?? ' ';
    if (characters(fill).length !== 1)
      throw fault('JINJA_FAILED', 'the fill character must be exactly one character long');
    if (side === 'middle') return centered(text, width, fill, budget);
    const missing = Math.max(0, width - characters(text).length);
    budget.text(missing);
    return side === 'left' ? text + fill.repeat(missing) : fill.repeat(missing) + text;
  },
];

const partitions = (last: boolean): Method<string> => [
  ['sep'],
  1,
  (text, given) => {
    const separator = textAt(given, 0, 'separator');
    if (separator === '') throw fault('JINJA_FAILED', 'empty separator');
    const at = last ? text.lastIndexOf(separator) : text.indexOf(separator);
    if (at < 0) return tuple(last ? ['', '', text] : [text, '', '']);
    return tuple([text.slice(0, at), separator, text.slice(at + separator.length)]);
  },
];

/** Every word with its first letter in title case and the others in lower case; letters alone make words. */
const titled = (text: string): string =>
  text.replace(
    /(\p{Cased})(\p{Cased}*)/gu,
    (_, head: string, rest: string) => titleCase(head) + rest.toLowerCase(),
  );

const lineBreaks = '\n\r\v\f\x1c\x1d\x1e\x85\u2028\u2029';
const lineBreak = new RegExp(`\\r\\n|[${lineBreaks}]`, 'g');

/** `str.splitlines()`. */
export function lines(text: string, keepEnds: boolean): string[] {
  const found: string[] = [];
  let start = 0;
  for (const { 0: end, index } of text.matchAll(lineBreak)) {
    found.push(text.slice(start, index + (keepEnds ? end.length : 0)));
    start = index + end.length;
  }
  if (start < text.length) found.push(text.slice(start));
  return found;
}

const textMethods: Methods<string> = {
  upper: [[], 0, (text) => text.toUpperCase()],
  lower: [[], 0, (text) => text.toLowerCase()],
  casefold: [[], 0, (text) => text.toLowerCase().replaceAll('ß', 'ss')],
  swapcase: [
    [],
    0,
    (text) =>
      characters(text)
        .map((each) => (each === each.toUpperCase() ? each.toLowerCase() : each.toUpperCase()))
        .join(''),
  ],
  title: [[], 0, titled],
  capitalize: [[], 0, capitalize],
  strip: strips('both'),
  lstrip: strips('left'),
  rstrip: strips('right'),
  split: splits(false),
  rsplit: splits(true),
  splitlines: [['keepends'], 0, (text, [keep]) => lines(text, keep === true)],
  startswith: affixed((text, affix) => text.startsWith(affix)),
  endswith: affixed((text, affix) => text.endsWith(affix)),
  removeprefix: [
    ['prefix'],
    1,
    (text, given) => {
      const prefix = textAt(given, 0, 'the prefix');
      return text.startsWith(prefix) ? text.slice(prefix.length) : text;
    },
  ],
  removesuffix: [
    ['suffix'],
    1,
    (text, given) => {
      const suffix = textAt(given, 0, 'the suffix');
      return suffix !== '' && text.endsWith(suffix) ? text.slice(0, -suffix.length) : text;
    },
  ],
  replace: [
    ['old', 'new', 'count'],
    2,
    (text, given, budget) =>
      replaced(
        text,
        textAt(given, 0, 'old'),
        textAt(given, 1, 'new'),
        wholeAt(given, 2, -1, 'count'),
        budget,
      ),
  ],
  join: [['iterable'], 1, (text, [items], budget) => joined(text, itemsOf(items!), budget)],
  find: finds(false, false),
  rfind: finds(true, false),
  index: finds(false, true),
  rindex: finds(true, true),
  count: [
    ['sub'],
    1,
    (text, given) => {
      const sought = textAt(given, 0, 'the first argument');
      return sought === '' ? characters(text).length + 1 : text.split(sought).length - 1;
    },
  ],
  partition: partitions(false),
  rpartition: partitions(true),
  center: justified('middle'),
  ljust: justified('left'),
  rjust: justified('right'),
  zfill: [
    ['width'],
    1,
    (text, given, budget) => {
      const missing = Math.max(0, wholeAt(given, 0, 0, 'width') - characters(text).length);
      budget.text(missing);
      const sign = /^[+-]/.exec(text)?.[0] ?? '';
      return sign + '0'.repeat(missing) + text.slice(sign.length);
    },
  ],
  isdigit: everyCharacter(/^[\p{Nd}\u00b2\u00b3\u00b9\u2070-\u2079\u2080-\u2089]$/u),
  isdecimal: everyCharacter(/^\p{Nd}$/u),
  isnumeric: everyCharacter(/^\p{N}$/u),
  isalpha: everyCharacter(/^\p{L}$/u),
  isalnum: everyCharacter(/^[\p{L}\p{N}]$/u),
  isspace: [[], 0, (text) => text !== '' && strip(text) === ''],
  isascii: [[], 0, (text) => !/[\u0080-\uffff]/.test(text)],
  isupper: inCase((text) => text.toUpperCase()),
  islower: inCase((text) => text.toLowerCase()),
};

const listMethods: Methods<readonly Value[]> = {
  index: [
    ['value'],
    1,
    (items, [sought]) => {
      const at = items.findIndex((item) => equal(item, sought!));
      if (at < 0) throw fault('JINJA_FAILED', 'the list does not have the value that is asked for');
      return at;
    },
  ],
  count: [['value'], 1, (items, [sought]) => items.filter((item) => equal(item, sought!)).length],
  copy: [[], 0, (items) => items],
};

const dictMethods: Methods<Dict> = {
  get: [
    ['key', 'default'],
    1,
    ({ entries }, [key, usual]) => {
      const found = isUndefined(key!) ? undefined : entries.get(keyOf(key!));
      return orElse(found, () => orElse(usual, () => null));
    },
  ],
  keys: [[], 0, ({ entries }) => [...entries.keys()]],
  values: [[], 0, ({ entries }) => [...entries.values()]],
  items: [[], 0, ({ entries }) => [...entries].map(([key, value]) => tuple([key, value]))],
  copy: [[], 0, (self) => self],
};
