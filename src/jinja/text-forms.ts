// How Python writes its values: str, repr, JSON, and '%' and format of texts. Knows no syntax of templates.
import { fault, mostNested } from './fault.ts';
import type { Budget } from './fault.ts';
import type { Value } from './values.ts';
import {
  characters,
  integer,
  integerOf,
  isDict,
  isFloat,
  isFunction,
  isList,
  isNamespace,
  isTuple,
  isUndefined,
  itemsOf,
  numberOf,
  typeName,
} from './values.ts';

/** `str(value)`. */
export function textOf(value: Value, budget: Budget): string {
  if (typeof value === 'string') return value;
  if (isUndefined(value)) return '';
  return repr(value, budget);
}

/** `repr(value)`. */
export function repr(value: Value, budget: Budget, depth = 0): string {
  budget.step();
  if (depth > mostNested) throw fault('JINJA_LIMIT', `a value is nested more than ${mostNested} levels deep`);
  const inside = (item: Value): string => repr(item, budget, depth + 1);
  if (value === null) return 'None';
  if (typeof value === 'boolean') return value ? 'True' : 'False';
  if (typeof value === 'number') return String(value);
  if (typeof value === 'string') return quoted(value, budget);
  if (isFloat(value)) return floatText(value.value);
  if (isList(value)) return joined('[', value.map(inside), ']', budget);
  if (isTuple(value))
    return joined('(', value.items.map(inside), value.items.length === 1 ? ',)' : ')', budget);
  if (isDict(value)) {
    const entries = [...value.entries].map(([key, item]) => `${inside(key)}: ${inside(item)}`);
    return joined('{', entries, '}', budget);
  }
  if (isUndefined(value)) return 'Undefined';
  if (isNamespace(value)) return '<Namespace>';
  return isFunction(value) ? `<function ${value.name}>` : '';
}

function joined(open: string, items: readonly string[], close: string, budget: Budget): string {
  budget.text(items.reduce((sum, { length }) => sum + length + 2, 2));
  return open + items.join(', ') + close;
}

const named: Readonly<Record<string, string>> = { '\\': '\\\\', '\n': '\\n', '\r': '\\r', '\t': '\\t' };

/** Python's quotes: single ones, unless the text holds those and no double ones. */
function quoted(text: string, budget: Budget): string {
  budget.text(text.length);
  const quote = text.includes("'") && !text.includes('"') ? '"' : "'";
  const body = text.replace(/[\\'"]|(?! )[\p{C}\p{Z}]/gu, (character) => {
    if (character === "'" || character === '"') return character === quote ? `\\${quote}` : character;
    const short = named[character];
    if (short !== undefined) return short;
    const code = character.codePointAt(0)!;
    const digits = code.toString(16);
    if (code < 0x100) return `\\x${digits.padStart(2, '0')}`;
    return code < 0x10000 ? `\\u${digits.padStart(4, '0')}` : `\\U${digits.padStart(8, '0')}`;
  });
  return quote + body + quote;
}

/** `repr` of a float: the shortest digits that mean it, with an exponent below -4 and from 16 on. */
export function floatText(value: number): string {
  if (Number.isNaN(value)) return 'nan';
  if (!Number.isFinite(value)) return value > 0 ? 'inf' : '-inf';
  if (value === 0) return Object.is(value, -0) ? '-0.0' : '0.0';
  const exponent = Number(/e(.*)$/.exec(value.toExponential())![1]);
  if (exponent < -4 || exponent >= 16) return exponentText(value.toExponential());
  const plain = Math.abs(value) < 1e-6 ? value.toFixed(20).replace(/0+$/, '') : String(value);
  return plain.includes('.') ? plain : `${plain}.0`;
}

/** JavaScript writes 1e-7, Python 1e-07. */
const exponentText = (text: string): string =>
  text.replace(/e([+-])(\d+)$/, (_, sign: string, digits: string) => `e${sign}${digits.padStart(2, '0')}`);

export interface JsonStyle {
  readonly ascii: boolean;
  readonly indent: number | null;
  readonly separators: readonly [item: string, key: string];
  readonly sortKeys: boolean;
}

/** `json.dumps(value)`. */
export function json(value: Value, style: JsonStyle, budget: Budget, depth = 0): string {
  budget.step();
  if (depth > mostNested) throw fault('JINJA_LIMIT', `a value is nested more than ${mostNested} levels deep`);
  if (value === null) return 'null';
  if (typeof value === 'boolean' || typeof value === 'number') return String(value);
  if (typeof value === 'string') return jsonText(value, style, budget);
  if (isFloat(value)) return jsonFloat(value.value);
  const padding = (level: number): string =>
    style.indent === null ? '' : `\n${' '.repeat(style.indent * level)}`;
  const within = (open: string, parts: readonly string[], close: string): string => {
    if (parts.length === 0) return open + close;
    budget.text(parts.reduce((sum, { length }) => sum + length + 2 + (style.indent ?? 0) * (depth + 1), 2));
    const between = style.separators[0] + padding(depth + 1);
    return open + padding(depth + 1) + parts.join(between) + padding(depth) + close;
  };
  if (isList(value) || isTuple(value))
    return within(
      '[',
      itemsOf(value).map((item) => json(item, style, budget, depth + 1)),
      ']',
    );
  if (!isDict(value))
    throw fault('JINJA_FAILED', `Object of type ${typeName(value)} is not JSON serializable`);
  const entries = [...value.entries].map(([key, item]): [string, string] => [
    typeof key === 'string' ? key : json(key, style, budget),
    json(item, style, budget, depth + 1),
  ]);
  if (style.sortKeys) entries.sort(([a], [b]) => (a < b ? -1 : a > b ? 1 : 0));
  const written = entries.map(([key, text]) => jsonText(key, style, budget) + style.separators[1] + text);
  return within('{', written, '}');
}

function jsonText(text: string, { ascii }: JsonStyle, budget: Budget): string {
  budget.text(text.length);
  const plain = JSON.stringify(text);
  if (!ascii) return plain;
  return plain.replace(/[^ -~]/g, (unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`);
}

function jsonFloat(value: number): string {
  if (Number.isFinite(value)) return floatText(value);
  return Number.isNaN(value) ? 'NaN' : value > 0 ? 'Infinity' : '-Infinity';
}

/** A number, its kind and how it is to stand, as printf-like formats have it. */
interface Form {
  readonly fill: string;
  readonly align: '<' | '>' | '^' | '=';
  readonly sign: string;
  readonly width: number;
  readonly comma: boolean;
  readonly precision: number | null;
  readonly type: string;
}

function padded(sign: string, body: string, { fill, align, width }: Form, budget: Budget): string {
  const missing = width - characters(sign + body).length;
  if (missing <= 0) return sign + body;
  budget.text(missing);
  const left = align === '<' ? 0 : align === '^' ? Math.floor(missing / 2) : missing;
  if (align === '=') return sign + fill.repeat(missing) + body;
  return fill.repeat(left) + sign + body + fill.repeat(missing - left);
}

function formatted(value: Value, form: Form, budget: Budget): string {
  if (form.type === 's' || form.type === '') {
    if (form.type === 's' || numberOf(value) === null || form.precision === null) {
      const text = textOf(value, budget);
      const cut = form.precision === null ? text : characters(text).slice(0, form.precision).join('');
      return padded('', cut, form, budget);
    }
  }
  const number = numberOf(value);
  if (number === null)
    throw fault('JINJA_FAILED', `the format "${form.type}" needs a number, found ${typeName(value)}`);
  const negative = number < 0 || Object.is(number, -0);
  const body = digits(Math.abs(number), form, isFloat(value));
  const grouped = form.comma ? body.replace(/^\d+/, (whole) => whole.replace(/\B(?=(\d{3})+$)/g, ',')) : body;
  return padded(negative ? '-' : form.sign === '-' ? '' : form.sign, grouped, form, budget);
}

function digits(number: number, { type, precision }: Form, isFloating: boolean): string {
  const places = precision ?? 6;
  if (places > 100) throw fault('JINJA_FAILED', 'a format has more than 100 places');
  switch (type) {
    case 'd':
    case 'i':
      return String(integer(Math.trunc(number)));
    case 'x':
    case 'X':
    case 'o':
    case 'b': {
      const text = integer(Math.trunc(number)).toString({ x: 16, X: 16, o: 8, b: 2 }[type]);
      return type === 'X' ? text.toUpperCase() : text;
    }
    case 'f':
    case 'F':
      return toFixed(number, places);
    case '%':
      return `${toFixed(number * 100, places)}%`;
    case 'e':
    case 'E': {
      const text = exponentText(number.toExponential(places));
      return type === 'E' ? text.toUpperCase() : text;
    }
    case '':
    case 'g':
    case 'G': {
      const text = general(number, precision === 0 ? 1 : places, type === '' && isFloating);
      return type === 'G' ? text.toUpperCase() : text;
    }
    default:
      throw fault('JINJA_FAILED', `the format "${type}" is not supported`);
  }
}

function general(number: number, precision: number, point: boolean): string {
  if (number === 0) return point ? '0.0' : '0';
  const exponential = number.toExponential(precision - 1);
  const exponent = Number(/e(.*)$/.exec(exponential)![1]);
  const trim = (text: string): string => (text.includes('.') ? text.replace(/\.?0+$/, '') : text);
  if (exponent < -4 || exponent >= precision) {
    const [mantissa = '', power = ''] = exponential.split('e');
    return exponentText(`${trim(mantissa)}e${power}`);
  }
  const plain = trim(number.toFixed(precision - 1 - exponent));
  return point && !plain.includes('.') ? `${plain}.0` : plain;
}

/** `toFixed`, with a tie going to the even digit as in Python. */
export function toFixed(number: number, places: number): string {
  if (Math.abs(number) >= 1e21)
    return `${BigInt(Math.round(number))}${places > 0 ? `.${'0'.repeat(places)}` : ''}`;
  const text = number.toFixed(places);
  const scaled = number * 10 ** places;
  const tie = Math.abs(scaled % 1) === 0.5 && scaled / 10 ** places === number && places < 20;
  if (!tie || Number(text.at(-1)) % 2 === 0) return text;
  const even = (Math.abs(scaled) - 0.5) / 10 ** places;
  return (number < 0 ? -even : even).toFixed(places);
}

const directive = /%(?:\(([^()]*)\))?([-+ 0#]*)(\d+|\*)?(?:\.(\d+))?([a-zA-Z%])?/g;

/** `format % values`. */
export function percent(format: string, values: Value, budget: Budget): string {
  budget.text(format.length);
  const list = isTuple(values) ? values.items : [values];
  let next = 0;
  let size = 0;
  const text = format.replace(
    directive,
    (_, name?: string, flags: string = '', width?: string, precision?: string, type?: string) => {
      if (type === '%') return '%';
      if (type === undefined || width === '*')
        throw fault('JINJA_FAILED', `"${format}" has a % that no supported format follows`);
      if (name === undefined && next >= list.length)
        throw fault('JINJA_FAILED', 'not enough arguments for format string');
      const value = name === undefined ? list[next++]! : member(values, name);
      const written = converted(value, type, flags, Number(width ?? 0), precision, budget);
      budget.text((size += written.length));
      return written;
    },
  );
  if (next < list.length && isTuple(values))
    throw fault('JINJA_FAILED', 'not all arguments converted during string formatting');
  if (next === 0 && !isTuple(values) && !isDict(values) && !isList(values))
    throw fault('JINJA_FAILED', 'not all arguments converted during string formatting');
  return text;
}

function converted(
  value: Value,
  type: string,
  flags: string,
  width: number,
  precision: string | undefined,
  budget: Budget,
): string {
  const left = flags.includes('-');
  const numeric = !['s', 'r', 'c'].includes(type);
  const zero = flags.includes('0') && !left && numeric;
  const form: Form = {
    fill: zero ? '0' : ' ',
    align: left ? '<' : zero ? '=' : '>',
    sign: flags.includes('+') ? '+' : flags.includes(' ') ? ' ' : '-',
    width,
    comma: false,
    precision: precision === undefined ? null : Number(precision),
    type: type === 'r' ? 's' : type,
  };
  return formatted(type === 'r' ? repr(value, budget) : value, form, budget);
}

function member(values: Value, name: string): Value {
  const value = isDict(values) ? values.entries.get(name) : undefined;
  if (value === undefined) throw fault('JINJA_FAILED', `the format asks for "${name}", which is not there`);
  return value;
}

const field = /\{\{|\}\}|\{([^{}:!]*)(?:!([rs]))?(?::([^{}]*))?\}|[{}]/g;
const spec = /^(?:(.)?([<>=^]))?([-+ ])?(0)?(\d+)?(,)?(?:\.(\d+))?([bdeEfFgosxX%])?$/su;

/** `format.format(*args, **named)`; fields are names and numbers, without attributes. */
export function braces(
  format: string,
  args: readonly Value[],
  named: ReadonlyMap<string, Value>,
  budget: Budget,
): string {
  budget.text(format.length);
  let next = 0;
  let size = 0;
  return format.replace(field, (whole, name?: string, conversion?: string, form: string = '') => {
    if (whole === '{{' || whole === '}}') return whole[0]!;
    if (name === undefined) throw fault('JINJA_FAILED', `"${format}" has a single ${whole}`);
    const found = name === '' ? args[next++] : /^\d+$/.test(name) ? args[Number(name)] : named.get(name);
    if (found === undefined) throw fault('JINJA_FAILED', `format() has no value for {${name}}`);
    const value =
      conversion === 'r' ? repr(found, budget) : conversion === 's' ? textOf(found, budget) : found;
    const written = form === '' ? textOf(value, budget) : formatted(value, formOf(form, value), budget);
    budget.text((size += written.length));
    return written;
  });
}

function formOf(text: string, value: Value): Form {
  const match = spec.exec(text);
  if (!match) throw fault('JINJA_FAILED', `the format ":${text}" is not supported`);
  const [, fill, align, sign, zero, width, comma, precision, type] = match;
  const number = numberOf(value) !== null;
  const usual = number && typeof value !== 'boolean' ? (isFloat(value) ? '' : 'd') : 's';
  return {
    fill: fill ?? (zero ? '0' : ' '),
    align: (align ?? (zero ? '=' : number ? '>' : '<')) as Form['align'],
    sign: sign ?? '-',
    width: width === undefined ? 0 : integerOf(Number(width), 'format'),
    comma: comma !== undefined,
    precision: precision === undefined ? null : Number(precision),
    type: type ?? (precision !== undefined && usual === 'd' ? '' : usual),
  };
}
