// jinja2's tests: `value is name`. Knows values; it does not know syntax.
import { bind } from './arguments.ts';
import type { Given } from './arguments.ts';
import { fault } from './fault.ts';
import { isFilter } from './filters.ts';
import { compare } from './operators.ts';
import type { Comparison } from './nodes.ts';
import type { Value } from './values.ts';
import {
  contains,
  isDict,
  isFloat,
  isFunction,
  isList,
  isTuple,
  isUndefined,
  numberOf,
  requireDefined,
  typeName,
} from './values.ts';

type Test = readonly [parameters: readonly string[], test: (value: Value, given: Given) => boolean];

/** Whether a test holds. Throws `JINJA_FAILED` where there is none of that name. */
export function applyTest(
  name: string,
  value: Value,
  args: readonly Value[],
  named: ReadonlyMap<string, Value>,
): boolean {
  const entry = Object.hasOwn(tests, name) ? tests[name] : undefined;
  if (entry === undefined) throw fault('JINJA_FAILED', `there is no test "${name}"`);
  const [parameters, test] = entry;
  const given = bind(`the test "${name}"`, parameters, args, named);
  if (given.includes(undefined))
    throw fault('JINJA_FAILED', `the test "${name}" needs a value to compare with`);
  return test(value, given);
}

const plain = (test: (value: Value) => boolean): Test => [[], test];
const compared = (comparison: Comparison): Test => [
  ['other'],
  (value, [other]) => compare(comparison, value, other!),
];

/** The rest of a division. */
function modulo(value: Value, divisor: number): number {
  requireDefined(value);
  const number = numberOf(value);
  if (number === null)
    throw fault('JINJA_FAILED', `a test of division needs a number, found ${typeName(value)}`);
  if (divisor === 0) throw fault('JINJA_FAILED', 'division by zero');
  return number % divisor;
}

const isSequence = (value: Value): boolean =>
  typeof value === 'string' || isList(value) || isTuple(value) || isDict(value) || isUndefined(value);

/** The same object: of numbers, texts and the like those of the same type and value. */
const isSame = (value: Value, other: Value): boolean => value === other;

const tests: Readonly<Record<string, Test>> = {
  odd: plain((value) => Math.abs(modulo(value, 2)) === 1),
  even: plain((value) => modulo(value, 2) === 0),
  divisibleby: [['num'], (value, [divisor]) => modulo(value, numberOf(divisor!) ?? 0) === 0],
  defined: plain((value) => !isUndefined(value)),
  undefined: plain(isUndefined),
  none: plain((value) => value === null),
  boolean: plain((value) => typeof value === 'boolean'),
  true: plain((value) => value === true),
  false: plain((value) => value === false),
  integer: plain((value) => typeof value === 'number'),
  float: plain(isFloat),
  number: plain((value) => numberOf(value) !== null),
  string: plain((value) => typeof value === 'string'),
  mapping: plain(isDict),
  sequence: plain(isSequence),
  iterable: plain(isSequence),
  callable: plain(isFunction),
  lower: plain(
    (value) => typeof value === 'string' && value === value.toLowerCase() && value !== value.toUpperCase(),
  ),
  upper: plain(
    (value) => typeof value === 'string' && value === value.toUpperCase() && value !== value.toLowerCase(),
  ),
  escaped: plain(() => false),
  sameas: [['other'], (value, [other]) => isSame(value, other!)],
  filter: plain((value) => typeof value === 'string' && isFilter(value)),
  test: plain((value) => typeof value === 'string' && Object.hasOwn(tests, value)),
  in: [['seq'], (value, [container]) => contains(container!, value)],
  eq: compared('=='),
  equalto: compared('=='),
  '==': compared('=='),
  ne: compared('!='),
  '!=': compared('!='),
  gt: compared('>'),
  greaterthan: compared('>'),
  '>': compared('>'),
  ge: compared('>='),
  '>=': compared('>='),
  lt: compared('<'),
  lessthan: compared('<'),
  '<': compared('<'),
  le: compared('<='),
  '<=': compared('<='),
};
