// Attributes, items and slices of values, as jinja2's sandbox gives them.
import { fault } from './fault.ts';
import type { Budget } from './fault.ts';
import { methodOf } from './methods.ts';
import type { Value } from './values.ts';
import {
  characters,
  integerOf,
  isDict,
  isList,
  isNamespace,
  isTuple,
  itemsOf,
  keyOf,
  lengthOf,
  nothing,
  orElse,
  requireDefined,
  tuple,
  typeName,
} from './values.ts';

/** `value.name`: a method if there is one, else the item of that name, else undefined. */
export function attributeOf(value: Value, name: string, budget: Budget): Value {
  requireDefined(value);
  const own = isNamespace(value) ? value.entries.get(name) : methodOf(value, name, budget);
  const item = (): Value =>
    orElse(isDict(value) ? value.entries.get(name) : undefined, () => missing(value, name));
  return orElse(own, item);
}

/** `value[key]`: an item if there is one, else, for a name, the method, else undefined. */
export function itemOf(value: Value, key: Value, budget: Budget): Value {
  requireDefined(value);
  requireDefined(key);
  if (isDict(value)) {
    const found = value.entries.get(keyOf(key));
    if (found !== undefined) return found;
  } else if (typeof key === 'number' || typeof key === 'boolean') {
    const items = sequence(value);
    const found = items?.at(Number(key));
    if (found !== undefined) return found;
    if (items === null) return nothing(`'${typeName(value)}' object has no element ${Number(key)}`);
    return nothing(`${typeName(value)} object has no element ${Number(key)}`);
  }
  if (typeof key !== 'string') return nothing(`'${typeName(value)}' object has no such element`);
  const own = isNamespace(value) ? value.entries.get(key) : methodOf(value, key, budget);
  return orElse(own, () => missing(value, key));
}

const missing = (value: Value, name: string): Value =>
  nothing(
    `'${isDict(value) || isList(value) ? `${typeName(value)} object` : typeName(value)}' has no attribute '${name}'`,
  );

function sequence(value: Value): readonly Value[] | null {
  return typeof value === 'string' || isList(value) || isTuple(value) ? itemsOf(value) : null;
}

/** `value[start:stop:step]`; null is a bound that is left out. */
export function sliceOf(value: Value, bounds: readonly (Value | undefined)[], budget: Budget): Value {
  requireDefined(value);
  const items = sequence(value);
  if (items === null) throw fault('JINJA_FAILED', `'${typeName(value)}' object cannot be sliced`);
  const [start, stop, step] = bounds.map((bound) =>
    bound === undefined || bound === null ? null : integerOf(bound, 'a slice'),
  );
  const taken = sliced(items, start ?? null, stop ?? null, step ?? 1);
  budget.step(items.length / 64);
  if (typeof value === 'string') return (taken as string[]).join('');
  return isTuple(value) ? tuple(taken) : taken;
}

function sliced(items: readonly Value[], start: number | null, stop: number | null, step: number): Value[] {
  if (step === 0) throw fault('JINJA_FAILED', 'slice step cannot be zero');
  const { length } = items;
  const clamp = (bound: number, low: number, high: number): number =>
    Math.min(Math.max(bound < 0 ? bound + length : bound, low), high);
  if (step > 0) {
    const [from, to] = [
      start === null ? 0 : clamp(start, 0, length),
      stop === null ? length : clamp(stop, 0, length),
    ];
    if (step === 1) return items.slice(from, to);
    return items.slice(from, to).filter((_, i) => i % step === 0);
  }
  const from = start === null ? length - 1 : clamp(start, -1, length - 1);
  const to = stop === null ? -1 : clamp(stop, -1, length - 1);
  const taken: Value[] = [];
  for (let i = from; i > to; i += step) taken.push(items[i]!);
  return taken;
}

/** A dotted path such as `author.name`, as filters take it; numbers are positions. */
export function pathOf(value: Value, path: Value, budget: Budget): Value {
  if (typeof path === 'number') return itemOf(value, path, budget);
  if (typeof path !== 'string') throw fault('JINJA_FAILED', 'an attribute is named by a text or a number');
  return path
    .split('.')
    .reduce<Value>((of, part) => itemOf(of, /^\d+$/.test(part) ? Number(part) : part, budget), value);
}

/** `len(value)`; counting a text's characters costs what reading them does. */
export function measured(value: Value, budget: Budget): number {
  if (typeof value === 'string') budget.text(value.length);
  return lengthOf(value);
}

/** `list(value)`, a text by its characters. */
export function listOf(value: Value, budget: Budget): readonly Value[] {
  const items = typeof value === 'string' ? characters(value) : itemsOf(value);
  budget.step(items.length / 8);
  return items;
}
