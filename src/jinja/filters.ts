// jinja2's filters, with transformers' own `tojson`. Knows values; it does not know syntax.
import { attributeOf, listOf, measured, pathOf } from './access.ts';
import { bind } from './arguments.ts';
import type { Given } from './arguments.ts';
import { fault } from './fault.ts';
import type { Budget } from './fault.ts';
import { centered, joined, lines, methodOf, replaced } from './methods.ts';
import { calculate } from './operators.ts';
import { capitalize, rstrip, strip } from './python-text.ts';
import { json, percent, textOf, toFixed } from './text-forms.ts';
import type { Value } from './values.ts';
import {
  equal,
  float,
  integer,
  integerOf,
  isDict,
  isFloat,
  isList,
  isTuple,
  isUndefined,
  itemsOf,
  keyOf,
  nothing,
  orElse,
  numberOf,
  order,
  requireDefined,
  truth,
  tuple,
  typeName,
} from './values.ts';

/** What filters that take the name of a test or of another filter ask of the renderer. */
export interface Tools {
  readonly budget: Budget;
  test(name: string, value: Value, args: readonly Value[], named: ReadonlyMap<string, Value>): boolean;
  filter(name: string, value: Value, args: readonly Value[], named: ReadonlyMap<string, Value>): Value;
}

type Work = (value: Value, given: Given, tools: Tools) => Value;
/** Filters that hand their arguments on. */
type Passing = (
  value: Value,
  args: readonly Value[],
  named: ReadonlyMap<string, Value>,
  tools: Tools,
) => Value;

/** Applies a filter. Throws `JINJA_FAILED` where there is none of that name, or where it fails. */
export function applyFilter(
  name: string,
  value: Value,
  args: readonly Value[],
  named: ReadonlyMap<string, Value>,
  tools: Tools,
): Value {
  const passing = Object.hasOwn(passings, name) ? passings[name] : undefined;
  if (passing) return passing(value, args, named, tools);
  const entry = Object.hasOwn(filters, name) ? filters[name] : undefined;
  if (entry === undefined) {
    const known = unsupported.includes(name)
      ? `the filter "${name}" is not supported`
      : `there is no filter "${name}"`;
    throw fault('JINJA_FAILED', known);
  }
  const [parameters, work] = entry;
  return work(value, bind(`the filter "${name}"`, parameters, args, named), tools);
}

export const isFilter = (name: string): boolean =>
  Object.hasOwn(passings, name) || Object.hasOwn(filters, name);

/** Of jinja2, for web pages or by chance: no chat template has a use for them. */
const unsupported = [
  'filesizeformat',
  'pprint',
  'random',
  'striptags',
  'truncate',
  'urlencode',
  'urlize',
  'wordwrap',
  'xmlattr',
  'slice',
];

const given = (value: Value | undefined, usual: Value): Value => (value === undefined ? usual : value);

/** A text of the value; undefined is empty. */
const asText =
  (work: (text: string, budget: Budget) => string): Work =>
  (value, _, { budget }) => {
    const text = textOf(value, budget);
    budget.text(text.length);
    return work(text, budget);
  };

const escapedCharacters: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  "'": '&#39;',
  '"': '&#34;',
};
const escaped = asText((text) => text.replace(/[&<>'"]/g, (character) => escapedCharacters[character]!));

const usual: Work = (value, [instead, boolean]) =>
  isUndefined(value) || (truth(given(boolean, false)) && !truth(value)) ? given(instead, '') : value;

/** Items with what they are sorted, compared or grouped by. */
function keyed(
  value: Value,
  attribute: Value | undefined,
  caseSensitive: boolean,
  { budget }: Tools,
): { item: Value; key: Value }[] {
  const fold = (key: Value): Value => (typeof key === 'string' && !caseSensitive ? key.toLowerCase() : key);
  const items = listOf(value, budget);
  budget.step(items.length);
  return items.map((item) => ({
    item,
    key: fold(attribute === undefined || attribute === null ? item : pathOf(item, attribute, budget)),
  }));
}

function sorted(
  entries: readonly { readonly item: Value; readonly key: Value }[],
  reverse: boolean,
  budget: Budget,
): Value[] {
  const by = entries.map((entry, place) => ({ ...entry, place }));
  by.sort((a, b) => {
    budget.step(3);
    return (reverse ? -1 : 1) * order(a.key, b.key) || a.place - b.place;
  });
  return by.map(({ item }) => item);
}

const extreme =
  (sign: 1 | -1): Work =>
  (value, [caseSensitive, attribute], tools) => {
    const entries = keyed(value, attribute, truth(given(caseSensitive, false)), tools);
    if (entries.length === 0) return nothing('there is no value to compare in an empty list');
    return entries.reduce((best, entry) => (sign * order(entry.key, best.key) > 0 ? entry : best)).item;
  };

function rounded(value: Value, [precision, method]: Given): Value {
  const number = numberOf(value);
  if (number === null)
    throw fault('JINJA_FAILED', `the filter "round" needs a number, found ${typeName(value)}`);
  const places = integerOf(given(precision, 0), 'the filter "round"');
  const how = given(method, 'common');
  if (how !== 'common' && how !== 'ceil' && how !== 'floor')
    throw fault('JINJA_FAILED', 'the filter "round" rounds "common", "ceil" or "floor"');
  if (how !== 'common') return float(Math[how](number * 10 ** places) / 10 ** places);
  const near =
    places > 22
      ? number
      : places < 0
        ? Number(toFixed(number / 10 ** -places, 0)) * 10 ** -places
        : Number(toFixed(number, places));
  return isFloat(value) ? float(near) : integer(near);
}

/** `int(text)` as Python reads it, with a sign and underscores; null where it is none. */
function wholeNumber(text: string, base: number): number | null {
  const clean = strip(text)
    .replace(/(?<=\w)_(?=\w)/g, '')
    .toLowerCase();
  const digits = clean.replace(/^[-+]?(0[box])?/, '');
  const prefixed = /^[-+]?0[box]/.exec(clean)?.[0].at(-1);
  const radix = base === 0 ? (prefixed ? { b: 2, o: 8, x: 16 }[prefixed]! : 10) : base;
  if (prefixed && { b: 2, o: 8, x: 16 }[prefixed] !== radix) return null;
  if (!/^[0-9a-z]+$/.test(digits) || [...digits].some((digit) => !(parseInt(digit, 36) < radix))) return null;
  const number = parseInt(digits, radix);
  return clean.startsWith('-') ? -number : number;
}

function decimal(text: string): number | null {
  const clean = strip(text)
    .replace(/(?<=\d)_(?=\d)/g, '')
    .toLowerCase();
  if (/^[-+]?(\d+\.?\d*|\.\d+)(e[-+]?\d+)?$/.test(clean)) return Number(clean);
  const named = /^([-+]?)(inf|infinity|nan)$/.exec(clean);
  return named ? (named[2] === 'nan' ? NaN : named[1] === '-' ? -Infinity : Infinity) : null;
}

function toInteger(value: Value, [instead, base]: Given): Value {
  const number =
    typeof value === 'string'
      ? (wholeNumber(value, integerOf(given(base, 10), 'the filter "int"')) ?? decimal(value))
      : numberOf(value);
  return number === null || !Number.isFinite(number) ? given(instead, 0) : integer(Math.trunc(number));
}

function indented(value: Value, [width, first, blank]: Given, { budget }: Tools): Value {
  const by = given(width, 4);
  const padding =
    typeof by === 'string' ? by : ' '.repeat(Math.min(integerOf(by, 'the filter "indent"'), 10_000));
  const text = textOf(value, budget);
  const rows = lines(`${text}\n`, false);
  budget.text(text.length + rows.length * padding.length);
  const pad = (row: string, i: number): string =>
    i === 0 || (row === '' && !truth(given(blank, false))) ? row : padding + row;
  return (truth(given(first, false)) ? padding : '') + rows.map(pad).join('\n');
}

const dumped: Work = (value, [ascii, indent, separators, sortKeys], { budget }) => {
  const depth = indent === undefined || indent === null ? null : integerOf(indent, 'the filter "tojson"');
  const between =
    separators === undefined || separators === null
      ? [depth === null ? ', ' : ',', ': ']
      : itemsOf(separators);
  const [item, key] = between;
  if (typeof item !== 'string' || typeof key !== 'string' || between.length !== 2)
    throw fault('JINJA_FAILED', 'the filter "tojson" takes two texts as separators');
  const style = {
    ascii: truth(given(ascii, false)),
    indent: depth === null ? null : Math.min(Math.max(depth, 0), 100),
  };
  return json(value, { ...style, separators: [item, key], sortKeys: truth(given(sortKeys, false)) }, budget);
};

function grouped(value: Value, [attribute, usualKey, caseSensitive]: Given, tools: Tools): Value {
  if (attribute === undefined) throw fault('JINJA_FAILED', 'the filter "groupby" needs an attribute');
  const entries = keyed(value, attribute, truth(given(caseSensitive, false)), tools).map(({ item, key }) => ({
    item: { item, key },
    key: isUndefined(key) && usualKey !== undefined ? usualKey : key,
  }));
  const groups: { key: Value; items: Value[] }[] = [];
  const inOrder = [...entries].sort((a, b) => order(a.key, b.key));
  for (const { item, key } of inOrder) {
    const last = groups.at(-1);
    if (last && equal(last.key, key)) last.items.push(item.item);
    else groups.push({ key, items: [item.item] });
  }
  return groups.map(({ key, items }) => tuple([key, items]));
}

function batched(value: Value, [size, fill]: Given, { budget }: Tools): Value {
  const count = integerOf(given(size, 1), 'the filter "batch"');
  if (count < 1) throw fault('JINJA_FAILED', 'the filter "batch" needs a size of at least 1');
  const items = listOf(value, budget);
  const rows: Value[][] = [];
  for (let at = 0; at < items.length; at += count) rows.push(items.slice(at, at + count));
  const last = rows.at(-1);
  if (last && fill !== undefined && fill !== null) {
    budget.step(count - last.length);
    while (last.length < count) last.push(fill);
  }
  return rows;
}

const titled = asText((text) =>
  text.replace(/([^-\s({[<]+)/gu, (word) => {
    const head = String.fromCodePoint(word.codePointAt(0)!);
    return head.toUpperCase() + word.slice(head.length).toLowerCase();
  }),
);

function total(value: Value, [attribute, start]: Given, tools: Tools): Value {
  const entries = keyed(value, attribute, true, tools);
  return entries.reduce<Value>((sum, { key }) => calculate('+', sum, key, tools.budget), given(start, 0));
}

const lowered = asText((text) => text.toLowerCase());

const filters: Readonly<Record<string, readonly [parameters: readonly string[], work: Work]>> = {
  abs: [
    [],
    (value) => {
      const number = numberOf(value);
      if (number === null) throw fault('JINJA_FAILED', `bad operand type for abs(): '${typeName(value)}'`);
      return isFloat(value) ? float(Math.abs(number)) : integer(Math.abs(number));
    },
  ],
  attr: [
    ['name'],
    (value, [name], { budget }) => {
      if (typeof name !== 'string') throw fault('JINJA_FAILED', 'an attribute is named by a text');
      if (!isDict(value)) return attributeOf(value, name, budget);
      return orElse(methodOf(value, name, budget), () => nothing(`'dict object' has no attribute '${name}'`));
    },
  ],
  batch: [['linecount', 'fill_with'], batched],
  capitalize: [[], asText(capitalize)],
  center: [
    ['width'],
    (value, [width], { budget }) =>
      centered(textOf(value, budget), integerOf(given(width, 80), 'the filter "center"'), ' ', budget),
  ],
  count: [[], (value, _, { budget }) => measured(value, budget)],
  d: [['default_value', 'boolean'], usual],
  default: [['default_value', 'boolean'], usual],
  dictsort: [
    ['case_sensitive', 'by', 'reverse'],
    (value, [caseSensitive, by, reverse], tools) => {
      if (!isDict(value))
        throw fault('JINJA_FAILED', `the filter "dictsort" needs a dict, found ${typeName(value)}`);
      const pairs = [...value.entries].map(([key, item]) => tuple([key, item]));
      const entries = keyed(
        pairs,
        given(by, 'key') === 'value' ? 1 : 0,
        truth(given(caseSensitive, false)),
        tools,
      );
      return sorted(entries, truth(given(reverse, false)), tools.budget);
    },
  ],
  e: [[], escaped],
  escape: [[], escaped],
  forceescape: [[], escaped],
  first: [
    [],
    (value, _, { budget }) =>
      orElse(listOf(value, budget)[0], () => nothing('No first item, sequence was empty.')),
  ],
  last: [
    [],
    (value, _, { budget }) =>
      orElse(listOf(value, budget).at(-1), () => nothing('No last item, sequence was empty.')),
  ],
  float: [
    ['default'],
    (value, [instead]) => {
      const number = typeof value === 'string' ? decimal(value) : numberOf(value);
      return number === null ? given(instead, float(0)) : float(number);
    },
  ],
  groupby: [['attribute', 'default', 'case_sensitive'], grouped],
  indent: [['width', 'first', 'blank'], indented],
  int: [['default', 'base'], toInteger],
  items: [
    [],
    (value) => {
      if (isUndefined(value)) return [];
      if (!isDict(value))
        throw fault('JINJA_FAILED', `the filter "items" needs a dict, found ${typeName(value)}`);
      return [...value.entries].map(([key, item]) => tuple([key, item]));
    },
  ],
  join: [
    ['d', 'attribute'],
    (value, [separator, attribute], tools) => {
      const texts = keyed(value, attribute, true, tools).map(({ key }) => textOf(key, tools.budget));
      return joined(textOf(given(separator, ''), tools.budget), texts, tools.budget);
    },
  ],
  length: [[], (value, _, { budget }) => measured(value, budget)],
  list: [[], (value, _, { budget }) => listOf(value, budget)],
  lower: [[], lowered],
  max: [['case_sensitive', 'attribute'], extreme(1)],
  min: [['case_sensitive', 'attribute'], extreme(-1)],
  replace: [
    ['old', 'new', 'count'],
    (value, [old, by, count], { budget }) => {
      requireDefined(given(old, nothing('the filter "replace" needs an old text')));
      requireDefined(given(by, nothing('the filter "replace" needs a new text')));
      const times = count === undefined || count === null ? -1 : integerOf(count, 'the filter "replace"');
      return replaced(textOf(value, budget), textOf(old!, budget), textOf(by!, budget), times, budget);
    },
  ],
  reverse: [
    [],
    (value, _, { budget }) => {
      const items = [...listOf(value, budget)].reverse();
      return typeof value === 'string' ? (items as string[]).join('') : items;
    },
  ],
  round: [['precision', 'method'], rounded],
  safe: [[], (value) => value],
  sort: [
    ['reverse', 'case_sensitive', 'attribute'],
    (value, [reverse, caseSensitive, attribute], tools) => {
      const entries = keyed(value, attribute, truth(given(caseSensitive, false)), tools);
      return sorted(entries, truth(given(reverse, false)), tools.budget);
    },
  ],
  string: [[], asText((text) => text)],
  sum: [['attribute', 'start'], total],
  title: [[], titled],
  tojson: [['ensure_ascii', 'indent', 'separators', 'sort_keys'], dumped],
  trim: [
    ['chars'],
    (value, [chars], { budget }) => {
      const text = textOf(value, budget);
      const strips = methodOf(text, 'strip', budget)!;
      return strips.call(chars === undefined || chars === null ? [] : [chars], new Map());
    },
  ],
  unique: [
    ['case_sensitive', 'attribute'],
    (value, [caseSensitive, attribute], tools) => {
      const seen = new Set<unknown>();
      return keyed(value, attribute, truth(given(caseSensitive, false)), tools)
        .filter(({ key }) => {
          const known = isTuple(key) || isList(key) ? textOf(key, tools.budget) : keyOf(key);
          if (seen.has(known)) return false;
          seen.add(known);
          return true;
        })
        .map(({ item }) => item);
    },
  ],
  upper: [[], asText((text) => text.toUpperCase())],
  wordcount: [
    [],
    (value, _, { budget }) => {
      const text = textOf(value, budget);
      budget.text(text.length);
      return rstrip(text).match(/[\p{L}\p{N}_]+/gu)?.length ?? 0;
    },
  ],
};

/** Items for which a test holds, or does not; of an attribute, where one is named first. */
const choosing =
  (wanted: boolean, ofAttribute: boolean): Passing =>
  (value, args, named, tools) => {
    const [path, ...others] = ofAttribute ? args : [null, ...args];
    if (ofAttribute && path === undefined)
      throw fault('JINJA_FAILED', 'a filter of attributes needs the name of one');
    const [test, ...rest] = others;
    if (test !== undefined && typeof test !== 'string')
      throw fault('JINJA_FAILED', 'a test is named by a text');
    return listOf(value, tools.budget).filter((item) => {
      tools.budget.step();
      const tested = ofAttribute ? pathOf(item, path!, tools.budget) : item;
      return (test === undefined ? truth(tested) : tools.test(test, tested, rest, named)) === wanted;
    });
  };

const mapped: Passing = (value, args, named, tools) => {
  const items = listOf(value, tools.budget);
  const attribute = named.get('attribute');
  if (args.length === 0 && attribute !== undefined) {
    const [, instead] = bind('the filter "map"', ['attribute', 'default'], [], named);
    return items.map((item) => {
      tools.budget.step();
      const found = pathOf(item, attribute, tools.budget);
      return isUndefined(found) && instead !== undefined ? instead : found;
    });
  }
  const [name, ...rest] = args;
  if (typeof name !== 'string')
    throw fault('JINJA_FAILED', 'the filter "map" needs the name of a filter or an attribute');
  return items.map((item) => {
    tools.budget.step();
    return tools.filter(name, item, rest, named);
  });
};

const passings: Readonly<Record<string, Passing>> = {
  select: choosing(true, false),
  reject: choosing(false, false),
  selectattr: choosing(true, true),
  rejectattr: choosing(false, true),
  map: mapped,
  format: (value, args, named, { budget }) => {
    if (args.length > 0 && named.size > 0)
      throw fault('JINJA_FAILED', 'the filter "format" takes values by place or by name, not both');
    const values: Value = named.size > 0 ? { kind: 'dict', entries: named } : tuple(args);
    return percent(textOf(value, budget), values, budget);
  },
};
