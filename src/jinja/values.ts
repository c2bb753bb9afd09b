// Python's values as templates see them: their types, truth, order and equality. Knows no syntax and no text forms.
import { fault, mostNested } from './fault.ts';

export interface Float {
  readonly kind: 'float';
  readonly value: number;
}
export interface Tuple {
  readonly kind: 'tuple';
  readonly items: readonly Value[];
}
export type Key = string | number | boolean | null;
export interface Dict {
  readonly kind: 'dict';
  readonly entries: ReadonlyMap<Key, Value>;
}
/** What `namespace()` makes, the only thing whose attributes can be set, and the variable `loop`. */
export interface Namespace {
  readonly kind: 'namespace';
  readonly entries: Map<string, Value>;
  /** Of a recursive loop. */
  readonly call?: Call;
}
export type Call = (args: readonly Value[], named: ReadonlyMap<string, Value>) => Value;
export interface Callable {
  readonly kind: 'function';
  readonly name: string;
  readonly call: Call;
}
/** A name or attribute that there is not: prints as nothing, and fails where more is asked of it. */
export interface Undefined {
  readonly kind: 'undefined';
  readonly what: string;
}
/** Numbers are integers, arrays are lists. */
export type Value =
  | null
  | boolean
  | number
  | string
  | readonly Value[]
  | Float
  | Tuple
  | Dict
  | Namespace
  | Callable
  | Undefined;

export const float = (value: number): Float => ({ kind: 'float', value });
export const tuple = (items: readonly Value[]): Tuple => ({ kind: 'tuple', items });
export const dict = (entries: Iterable<readonly [Key, Value]>): Dict => ({
  kind: 'dict',
  entries: new Map(entries),
});
export const nothing = (what: string): Undefined => ({ kind: 'undefined', what });
export const callable = (name: string, call: Call): Callable => ({ kind: 'function', name, call });

/** A value, or another where there is none; None is a value. */
export const orElse = (value: Value | undefined, other: () => Value): Value =>
  value === undefined ? other() : value;

export const isList = (value: Value): value is readonly Value[] => Array.isArray(value);
const isKind =
  <Kind extends 'float' | 'tuple' | 'dict' | 'namespace' | 'function' | 'undefined'>(kind: Kind) =>
  (value: Value): value is Extract<Value, { readonly kind: Kind }> =>
    typeof value === 'object' && value !== null && !isList(value) && value.kind === kind;
export const isFloat: (value: Value) => value is Float = isKind('float');
export const isTuple: (value: Value) => value is Tuple = isKind('tuple');
export const isDict: (value: Value) => value is Dict = isKind('dict');
export const isNamespace: (value: Value) => value is Namespace = isKind('namespace');
export const isFunction: (value: Value) => value is Callable = isKind('function');
export const isUndefined: (value: Value) => value is Undefined = isKind('undefined');

/** A JavaScript value as JSON has it; whole numbers become integers. Throws `JINJA_FAILED` for anything else. */
export function fromJson(given: unknown): Value {
  if (given === null || typeof given === 'string' || typeof given === 'boolean') return given;
  if (typeof given === 'number') return Number.isSafeInteger(given) ? given : float(given);
  if (Array.isArray(given)) return given.map(fromJson);
  if (typeof given === 'object')
    return dict(Object.entries(given).map(([key, value]) => [key, fromJson(value)] as const));
  throw fault('JINJA_FAILED', `a value of a template cannot be a ${typeof given}`);
}

/** Python's name of a value's type. */
export function typeName(value: Value): string {
  if (value === null) return 'NoneType';
  if (typeof value === 'boolean') return 'bool';
  if (typeof value === 'number') return 'int';
  if (typeof value === 'string') return 'str';
  if (isList(value)) return 'list';
  return value.kind === 'undefined' ? 'Undefined' : value.kind;
}

/** A whole number that stays exact. Throws `JINJA_FAILED` beyond 2^53. */
export function integer(value: number): number {
  if (Number.isSafeInteger(value)) return value === 0 ? 0 : value;
  throw fault('JINJA_FAILED', 'whole numbers beyond 2^53 are not supported');
}

/** A number of any kind, True and False among them; null for what is none. */
export function numberOf(value: Value): number | null {
  if (typeof value === 'number') return value;
  if (typeof value === 'boolean') return value ? 1 : 0;
  return isFloat(value) ? value.value : null;
}

/** A whole number, True and False among them. Throws `JINJA_FAILED` for anything else. */
export function integerOf(value: Value, what: string): number {
  const number = isFloat(value) ? null : numberOf(value);
  if (number === null)
    throw fault('JINJA_FAILED', `${what}: expected a whole number, found ${typeName(value)}`);
  return number;
}

export function requireDefined(value: Value): void {
  if (isUndefined(value)) throw fault('JINJA_FAILED', value.what);
}

export function truth(value: Value): boolean {
  if (value === null) return false;
  if (typeof value === 'object') {
    if (isList(value)) return value.length > 0;
    if (value.kind === 'tuple') return value.items.length > 0;
    if (value.kind === 'dict') return value.entries.size > 0;
    if (value.kind === 'float') return value.value !== 0;
    return value.kind !== 'undefined';
  }
  return value !== false && value !== 0 && value !== '';
}

/** Characters of a text; Python counts code points. */
export function characters(text: string): readonly string[] {
  return /[\ud800-\udfff]/.test(text) ? Array.from(text) : text.split('');
}

/** What a loop runs over: items, keys or characters. Throws `JINJA_FAILED` for what cannot be run over. */
export function itemsOf(value: Value): readonly Value[] {
  if (typeof value === 'string') return characters(value);
  if (isList(value)) return value;
  if (isTuple(value)) return value.items;
  if (isDict(value)) return [...value.entries.keys()];
  if (isUndefined(value)) return [];
  throw fault('JINJA_FAILED', `'${typeName(value)}' object is not iterable`);
}

/** `len(value)`. Throws `JINJA_FAILED` for what has none. */
export function lengthOf(value: Value): number {
  if (isUndefined(value)) return 0;
  if (typeof value === 'string' || isList(value) || isTuple(value) || isDict(value))
    return itemsOf(value).length;
  throw fault('JINJA_FAILED', `object of type '${typeName(value)}' has no len()`);
}

/** A value as the key of a dict: 1.0 and 1 are one. Throws `JINJA_FAILED` for lists and the like. */
export function keyOf(value: Value): Key {
  if (value === null || typeof value !== 'object') return value;
  if (isFloat(value)) return value.value;
  throw fault('JINJA_FAILED', `unhashable type: '${typeName(value)}'`);
}

/** Python's `==`. */
export function equal(a: Value, b: Value, depth = 0): boolean {
  if (depth > mostNested) throw fault('JINJA_LIMIT', `a value is nested more than ${mostNested} levels deep`);
  const [x, y] = [numberOf(a), numberOf(b)];
  if (x !== null || y !== null) return x === y;
  if (isList(a)) return isList(b) && sameItems(a, b, depth);
  if (isTuple(a)) return isTuple(b) && sameItems(a.items, b.items, depth);
  if (isUndefined(a)) return isUndefined(b);
  if (!isDict(a)) return a === b;
  if (!isDict(b) || a.entries.size !== b.entries.size) return false;
  return [...a.entries].every(
    ([key, value]) => b.entries.has(key) && equal(value, b.entries.get(key)!, depth + 1),
  );
}

const sameItems = (a: readonly Value[], b: readonly Value[], depth: number): boolean =>
  a.length === b.length && a.every((item, i) => equal(item, b[i]!, depth + 1));

/** Below 0, 0 or above 0 as `a` comes before, with or after `b`. Throws `JINJA_FAILED` where Python has no order. */
export function order(a: Value, b: Value, sign = '<', depth = 0): number {
  if (depth > mostNested) throw fault('JINJA_LIMIT', `a value is nested more than ${mostNested} levels deep`);
  requireDefined(a);
  requireDefined(b);
  const [x, y] = [numberOf(a), numberOf(b)];
  if (x !== null && y !== null) return x - y;
  if (typeof a === 'string' && typeof b === 'string') return orderOfTexts(a, b);
  const pair = isList(a) && isList(b) ? [a, b] : isTuple(a) && isTuple(b) ? [a.items, b.items] : null;
  if (pair === null) {
    const types = `'${typeName(a)}' and '${typeName(b)}'`;
    throw fault('JINJA_FAILED', `'${sign}' not supported between instances of ${types}`);
  }
  const [left, right] = pair as [readonly Value[], readonly Value[]];
  const at = left.findIndex((item, i) => i >= right.length || !equal(item, right[i]!, depth + 1));
  if (at < 0 || at >= right.length) return left.length - right.length;
  return order(left[at]!, right[at]!, sign, depth + 1);
}

/** By code points, where JavaScript compares halves of surrogate pairs. */
function orderOfTexts(a: string, b: string): number {
  if (a === b) return 0;
  let at = 0;
  while (at < a.length && at < b.length && a[at] === b[at]) at++;
  if (at >= a.length || at >= b.length) return a.length - b.length;
  const isLow = (text: string): boolean => text[at]! >= '\udc00' && text[at]! <= '\udfff';
  if (at > 0 && isLow(a) && isLow(b)) at--;
  return a.codePointAt(at)! - b.codePointAt(at)!;
}

/** Python's `item in container`. Throws `JINJA_FAILED` where nothing can be in the container. */
export function contains(container: Value, item: Value): boolean {
  if (typeof container === 'string') {
    requireDefined(item);
    if (typeof item === 'string') return container.includes(item);
    throw fault('JINJA_FAILED', `'in <string>' requires string as left operand, not ${typeName(item)}`);
  }
  if (isDict(container)) return container.entries.has(keyOf(item));
  if (isList(container) || isTuple(container) || isUndefined(container))
    return itemsOf(container).some((each) => equal(each, item));
  throw fault('JINJA_FAILED', `argument of type '${typeName(container)}' is not iterable`);
}
