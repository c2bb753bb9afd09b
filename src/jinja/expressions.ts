// Expressions of a template, by jinja2's precedence. Knows no statements and no values.
import type { Cursor } from './cursor.ts';
import { fault } from './fault.ts';
import type { Arguments, Comparison, Expression, Operator } from './nodes.ts';

interface TupleRules {
  /** Whether `a if b else c` may stand here; in the head of a loop and of an if it may not. */
  readonly conditions?: boolean;
  /** A name that ends it. */
  readonly end?: string;
  /** Whether it stands in parentheses, where it may be empty. */
  readonly parentheses?: boolean;
}

/** An expression, or several with commas between, which make a tuple. */
export function parseTuple(cursor: Cursor, rules: TupleRules = {}): Expression {
  const { line } = cursor.peek();
  const { conditions = true, end, parentheses = false } = rules;
  const items: Expression[] = [];
  let several = false;
  const ended = (): boolean =>
    ['end-output', 'end-block', 'end'].includes(cursor.peek().kind) ||
    cursor.isOperator(')') ||
    (end !== undefined && cursor.isName(end));
  while (!ended()) {
    items.push(conditions ? parseExpression(cursor) : parseOr(cursor));
    if (!cursor.isOperator(',')) break;
    cursor.next();
    several = true;
  }
  if (!several && items.length === 1) return items[0]!;
  if (!several && !parentheses)
    throw fault('JINJA_SYNTAX', `expected an expression, found ${cursor.describe()}`, line);
  return { kind: 'tuple', items, line };
}

/** One expression. Throws `JINJA_SYNTAX`. */
export function parseExpression(cursor: Cursor): Expression {
  return cursor.deeper(() => {
    const { line } = cursor.peek();
    let then = parseOr(cursor);
    while (cursor.skipName('if')) {
      const test = parseOr(cursor);
      const otherwise = cursor.skipName('else') ? parseExpression(cursor) : null;
      then = { kind: 'condition', test, then, otherwise, line };
    }
    return then;
  });
}

function parseOr(cursor: Cursor): Expression {
  let left = parseAnd(cursor);
  while (cursor.isName('or')) {
    const { line } = cursor.next();
    left = { kind: 'or', left, right: parseAnd(cursor), line };
  }
  return left;
}

function parseAnd(cursor: Cursor): Expression {
  let left = parseNot(cursor);
  while (cursor.isName('and')) {
    const { line } = cursor.next();
    left = { kind: 'and', left, right: parseNot(cursor), line };
  }
  return left;
}

function parseNot(cursor: Cursor): Expression {
  if (!cursor.isName('not')) return parseComparison(cursor);
  return cursor.deeper(() => {
    const { line } = cursor.next();
    return { kind: 'not', of: parseNot(cursor), line };
  });
}

const comparisons: readonly string[] = ['==', '!=', '<', '<=', '>', '>='];

function parseComparison(cursor: Cursor): Expression {
  const { line } = cursor.peek();
  const first = parseSum(cursor);
  const rest: (readonly [Comparison, Expression])[] = [];
  for (;;) {
    const { kind, text } = cursor.peek();
    if (kind === 'operator' && comparisons.includes(text)) {
      cursor.next();
      rest.push([text as Comparison, parseSum(cursor)]);
    } else if (cursor.skipName('in')) rest.push(['in', parseSum(cursor)]);
    else if (cursor.isName('not') && cursor.peek(1).kind === 'name' && cursor.peek(1).text === 'in') {
      cursor.next();
      cursor.next();
      rest.push(['not in', parseSum(cursor)]);
    } else return rest.length === 0 ? first : { kind: 'compare', first, rest, line };
  }
}

function chain(
  cursor: Cursor,
  operators: readonly Operator[],
  operand: (cursor: Cursor) => Expression,
): Expression {
  let left = operand(cursor);
  for (;;) {
    const operator = operators.find((text) => cursor.isOperator(text));
    if (operator === undefined) return left;
    const { line } = cursor.next();
    left = { kind: 'binary', operator, left, right: operand(cursor), line };
  }
}

const parseSum = (cursor: Cursor): Expression => chain(cursor, ['+', '-'], parseConcat);

function parseConcat(cursor: Cursor): Expression {
  const { line } = cursor.peek();
  const parts = [parseProduct(cursor)];
  while (cursor.isOperator('~')) {
    cursor.next();
    parts.push(parseProduct(cursor));
  }
  return parts.length === 1 ? parts[0]! : { kind: 'concat', parts, line };
}

const parseProduct = (cursor: Cursor): Expression => chain(cursor, ['*', '/', '//', '%'], parsePower);
const parsePower = (cursor: Cursor): Expression => chain(cursor, ['**'], (at) => parseUnary(at, true));

function parseUnary(cursor: Cursor, filters: boolean): Expression {
  const sign = ['-', '+'].find((text) => cursor.isOperator(text));
  if (sign === undefined) {
    const value = parsePostfix(cursor, parsePrimary(cursor));
    return filters ? parseFilterChain(cursor, value) : value;
  }
  return cursor.deeper(() => {
    const { line } = cursor.next();
    const of = parseUnary(cursor, false);
    const value: Expression = { kind: sign === '-' ? 'negative' : 'positive', of, line };
    return filters ? parseFilterChain(cursor, parsePostfix(cursor, value)) : parsePostfix(cursor, value);
  });
}

const constants: Readonly<Record<string, boolean | null>> = {
  true: true,
  True: true,
  false: false,
  False: false,
  none: null,
  None: null,
};

function parsePrimary(cursor: Cursor): Expression {
  const found = cursor.describe();
  const { kind, text, line } = cursor.next();
  switch (kind) {
    case 'name':
      if (Object.hasOwn(constants, text)) return { kind: 'constant', value: constants[text]!, line };
      return { kind: 'name', name: text, line };
    case 'string': {
      const parts = [text];
      while (cursor.peek().kind === 'string') parts.push(cursor.next().text);
      return { kind: 'constant', value: parts.join(''), line };
    }
    case 'integer':
      if (Number.isSafeInteger(Number(text))) return { kind: 'constant', value: Number(text), line };
      throw fault('JINJA_SYNTAX', `the number ${text} is beyond 2^53, which is not supported`, line);
    case 'float':
      return { kind: 'constant', value: Number(text), float: true, line };
    case 'operator':
      if (text === '(') return parseParentheses(cursor);
      if (text === '[') return parseList(cursor, line);
      if (text === '{') return parseDict(cursor, line);
  }
  throw fault('JINJA_SYNTAX', `expected an expression, found ${found}`, line);
}

function parseParentheses(cursor: Cursor): Expression {
  const inside = parseTuple(cursor, { parentheses: true });
  cursor.operator(')');
  return inside;
}

function parseList(cursor: Cursor, line: number): Expression {
  const items: Expression[] = [];
  while (!cursor.isOperator(']')) {
    if (items.length > 0) cursor.operator(',');
    if (cursor.isOperator(']')) break;
    items.push(parseExpression(cursor));
  }
  cursor.next();
  return { kind: 'list', items, line };
}

function parseDict(cursor: Cursor, line: number): Expression {
  const entries: (readonly [Expression, Expression])[] = [];
  while (!cursor.isOperator('}')) {
    if (entries.length > 0) cursor.operator(',');
    if (cursor.isOperator('}')) break;
    const key = parseExpression(cursor);
    cursor.operator(':');
    entries.push([key, parseExpression(cursor)]);
  }
  cursor.next();
  return { kind: 'dict', entries, line };
}

function parsePostfix(cursor: Cursor, given: Expression): Expression {
  let of = given;
  for (;;) {
    const { line } = cursor.peek();
    if (cursor.isOperator('.')) of = parseAttribute(cursor, of);
    else if (cursor.isOperator('[')) of = parseItem(cursor, of);
    else if (cursor.isOperator('(')) of = { kind: 'call', callee: of, args: parseArguments(cursor), line };
    else return of;
  }
}

function parseAttribute(cursor: Cursor, of: Expression): Expression {
  const { line } = cursor.next();
  const { kind, text } = cursor.peek();
  if (kind === 'name') {
    cursor.next();
    return { kind: 'attribute', of, name: text, line };
  }
  const key = cursor.expect('integer', 'a name or a number behind "."');
  return { kind: 'item', of, key: { kind: 'constant', value: Number(key.text), line }, line };
}

function parseItem(cursor: Cursor, of: Expression): Expression {
  const { line } = cursor.next();
  const bounds: (Expression | null)[] = [null];
  let colons = 0;
  while (!cursor.isOperator(']')) {
    if (cursor.isOperator(':') && colons < 2) {
      cursor.next();
      colons++;
      bounds.push(null);
    } else if (bounds.at(-1) === null) bounds[bounds.length - 1] = parseExpression(cursor);
    else cursor.operator(']');
  }
  cursor.next();
  if (colons > 0) return { kind: 'slice', of, bounds, line };
  if (bounds[0] === null) throw fault('JINJA_SYNTAX', 'expected something between "[" and "]"', line);
  return { kind: 'item', of, key: bounds[0]!, line };
}

function parseArguments(cursor: Cursor): Arguments {
  const { line } = cursor.operator('(');
  const positional: Expression[] = [];
  const named: (readonly [string, Expression])[] = [];
  let list: Expression | null = null;
  let mapping: Expression | null = null;
  const ensure = (right: boolean): void => {
    if (!right) throw fault('JINJA_SYNTAX', 'the arguments of a call stand in a wrong order', line);
  };
  for (let first = true; !cursor.isOperator(')'); first = false) {
    if (!first) cursor.operator(',');
    if (cursor.isOperator(')')) break;
    if (cursor.isOperator('*')) {
      ensure(list === null && mapping === null);
      cursor.next();
      list = parseExpression(cursor);
    } else if (cursor.isOperator('**')) {
      ensure(mapping === null);
      cursor.next();
      mapping = parseExpression(cursor);
    } else if (
      cursor.peek().kind === 'name' &&
      cursor.peek(1).kind === 'operator' &&
      cursor.peek(1).text === '='
    ) {
      ensure(mapping === null);
      const name = cursor.next().text;
      cursor.next();
      named.push([name, parseExpression(cursor)]);
    } else {
      ensure(list === null && mapping === null && named.length === 0);
      positional.push(parseExpression(cursor));
    }
  }
  cursor.next();
  return { positional, named, list, mapping };
}

const noArguments: Arguments = { positional: [], named: [], list: null, mapping: null };

/** Filters and tests behind a value. */
function parseFilterChain(cursor: Cursor, given: Expression): Expression {
  let of = given;
  for (;;) {
    const { line } = cursor.peek();
    if (cursor.isOperator('|')) of = parseFilters(cursor, of, false)!;
    else if (cursor.isName('is')) of = parseTest(cursor, of);
    else if (cursor.isOperator('(')) of = { kind: 'call', callee: of, args: parseArguments(cursor), line };
    else return of;
  }
}

/** `| filter | filter`; of a block (`of` is null) the first may stand without its bar. */
export function parseFilters(cursor: Cursor, given: Expression | null, inline: boolean): Expression | null {
  let of = given;
  for (let bare = inline; bare || cursor.isOperator('|'); bare = false) {
    if (!bare) cursor.next();
    const { text, line } = cursor.expect('name', 'the name of a filter');
    const args = cursor.isOperator('(') ? parseArguments(cursor) : noArguments;
    of = { kind: 'filter', of, name: text, args, line };
  }
  return of;
}

function parseTest(cursor: Cursor, of: Expression): Expression {
  const { line } = cursor.next();
  const negated = cursor.skipName('not');
  const { text: name } = cursor.expect('name', 'the name of a test');
  const test: Expression = { kind: 'test', of, name, args: parseTestArguments(cursor), line };
  return negated ? { kind: 'not', of: test, line } : test;
}

/** In parentheses, or one value right behind the test. */
function parseTestArguments(cursor: Cursor): Arguments {
  if (cursor.isOperator('(')) return parseArguments(cursor);
  const { kind, line } = cursor.peek();
  const begins =
    ['name', 'string', 'integer', 'float'].includes(kind) || cursor.isOperator('[') || cursor.isOperator('{');
  if (!begins || ['else', 'or', 'and'].some((name) => cursor.isName(name))) return noArguments;
  if (cursor.isName('is')) throw fault('JINJA_SYNTAX', 'several tests with "is" cannot be chained', line);
  return { ...noArguments, positional: [parsePostfix(cursor, parsePrimary(cursor))] };
}
