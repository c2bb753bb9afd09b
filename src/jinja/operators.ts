// Python's arithmetic on the values of templates. Knows no syntax.
import { fault } from './fault.ts';
import type { Budget } from './fault.ts';
import type { Comparison, Operator } from './nodes.ts';
import { percent, textOf } from './text-forms.ts';
import type { Value } from './values.ts';
import {
  contains,
  equal,
  float,
  integer,
  isFloat,
  isList,
  isTuple,
  itemsOf,
  numberOf,
  order,
  requireDefined,
  tuple,
  typeName,
} from './values.ts';

/** `left operator right`. Throws `JINJA_FAILED` where Python raises. */
export function calculate(operator: Operator, left: Value, right: Value, budget: Budget): Value {
  requireDefined(left);
  if (operator === '%' && typeof left === 'string') return percent(left, right, budget);
  requireDefined(right);
  if (operator === '+') {
    const sum = concatenated(left, right, budget);
    if (sum !== null) return sum;
  }
  if (operator === '*') {
    const product = repeated(left, right, budget) ?? repeated(right, left, budget);
    if (product !== null) return product;
  }
  const [a, b] = [numberOf(left), numberOf(right)];
  if (a === null || b === null) {
    const types = `'${typeName(left)}' and '${typeName(right)}'`;
    throw fault('JINJA_FAILED', `unsupported operand type(s) for ${operator}: ${types}`);
  }
  const result = arithmetic(operator, a, b);
  const whole = !isFloat(left) && !isFloat(right) && operator !== '/' && !(operator === '**' && b < 0);
  return whole ? integer(result) : float(result);
}

function concatenated(left: Value, right: Value, budget: Budget): Value | null {
  if (typeof left === 'string' && typeof right === 'string') {
    budget.text(left.length + right.length);
    return left + right;
  }
  if (!((isList(left) && isList(right)) || (isTuple(left) && isTuple(right)))) return null;
  const items = [...itemsOf(left), ...itemsOf(right)];
  budget.step(items.length);
  return isTuple(left) ? tuple(items) : items;
}

function repeated(what: Value, times: Value, budget: Budget): Value | null {
  if (typeof times !== 'number' && typeof times !== 'boolean') return null;
  const count = Math.max(0, Number(times));
  if (typeof what === 'string') {
    budget.text(what.length * count);
    return what.repeat(what === '' ? 0 : count);
  }
  if (!isList(what) && !isTuple(what)) return null;
  const items = itemsOf(what);
  budget.step(items.length * count);
  const all =
    items.length === 0
      ? []
      : Array.from({ length: items.length * count }, (_, i) => items[i % items.length]!);
  return isTuple(what) ? tuple(all) : all;
}

function arithmetic(operator: Operator, a: number, b: number): number {
  if (b === 0 && ['/', '//', '%'].includes(operator)) throw fault('JINJA_FAILED', 'division by zero');
  switch (operator) {
    case '+':
      return a + b;
    case '-':
      return a - b;
    case '*':
      return a * b;
    case '/':
      return a / b;
    case '//':
      return Math.floor(a / b);
    case '%': {
      const rest = a % b;
      return rest !== 0 && rest < 0 !== b < 0 ? rest + b : rest;
    }
    case '**':
      return a ** b;
  }
}

/** `-value` or `+value`. */
export function signed(value: Value, negative: boolean): Value {
  requireDefined(value);
  const number = numberOf(value);
  if (number === null)
    throw fault('JINJA_FAILED', `bad operand type for unary ${negative ? '-' : '+'}: '${typeName(value)}'`);
  const result = negative ? -number : number;
  return isFloat(value) ? float(result) : integer(result);
}

/** `left ~ right ...`: every value as text. */
export function concatenate(values: readonly Value[], budget: Budget): string {
  const texts = values.map((value) => textOf(value, budget));
  budget.text(texts.reduce((sum, { length }) => sum + length, 0));
  return texts.join('');
}

/** One comparison. Throws `JINJA_FAILED` where Python has no order. */
export function compare(comparison: Comparison, left: Value, right: Value): boolean {
  switch (comparison) {
    case '==':
      return equal(left, right);
    case '!=':
      return !equal(left, right);
    case 'in':
      return contains(right, left);
    case 'not in':
      return !contains(right, left);
    case '<':
      return order(left, right, '<') < 0;
    case '<=':
      return order(left, right, '<=') <= 0;
    case '>':
      return order(left, right, '>') > 0;
    case '>=':
      return order(left, right, '>=') >= 0;
  }
}
