// The functions that every template may call: those of jinja2 that give the same each time. Knows no chat.
import { thousands } from '../words/numbers.ts';
import { withParameters } from './arguments.ts';
import { fault } from './fault.ts';
import type { Budget } from './fault.ts';
import type { Key, Value } from './values.ts';
import { callable, integerOf, isDict, isList, isTuple, itemsOf, keyOf } from './values.ts';

/** As in jinja2's sandbox. */
const longestRange = 100_000;

export function globals(budget: Budget): Readonly<Record<string, Value>> {
  return {
    range: callable(
      'range',
      withParameters('range()', ['start', 'stop', 'step'], 1, (given) => rangeOf(given, budget)),
    ),
    dict: callable('dict', ([from], named) => ({ kind: 'dict', entries: merged(from, named) })),
    namespace: callable('namespace', ([from], named) => ({
      kind: 'namespace',
      entries: new Map([...merged(from, named)].map(([key, value]) => [String(key), value] as const)),
    })),
  };
}

function rangeOf([first, second, third]: readonly (Value | undefined)[], budget: Budget): Value {
  const whole = (value: Value | undefined, usual: number): number =>
    value === undefined ? usual : integerOf(value, 'range()');
  const [from, to] = second === undefined ? [0, whole(first, 0)] : [whole(first, 0), whole(second, 0)];
  const step = whole(third, 1);
  if (step === 0) throw fault('JINJA_FAILED', 'range() arg 3 must not be zero');
  const length = Math.max(0, Math.ceil((to - from) / step));
  if (length > longestRange)
    throw fault(
      'JINJA_LIMIT',
      `a range has at most ${thousands(longestRange)} items, as in jinja2's sandbox`,
    );
  budget.step(length);
  return Array.from({ length }, (_, i) => from + i * step);
}

/** The entries of a dict or of a list of pairs, and the named ones. */
function merged(from: Value | undefined, named: ReadonlyMap<string, Value>): Map<Key, Value> {
  const pairs = from === undefined ? [] : isDict(from) ? [...from.entries] : itemsOf(from).map(pairOf);
  return new Map<Key, Value>([...pairs, ...named]);
}

function pairOf(value: Value): [Key, Value] {
  const items = isList(value) || isTuple(value) ? itemsOf(value) : [];
  if (items.length !== 2) throw fault('JINJA_FAILED', 'dict() needs pairs of a key and a value');
  return [keyOf(items[0]!), items[1]!];
}
