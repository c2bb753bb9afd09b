// The value of an expression in a scope. Knows no statements.
import { attributeOf, itemOf, sliceOf } from './access.ts';
import { fault } from './fault.ts';
import type { Budget } from './fault.ts';
import { applyFilter } from './filters.ts';
import type { Tools } from './filters.ts';
import type { Arguments, Expression } from './nodes.ts';
import { calculate, compare, concatenate, signed } from './operators.ts';
import type { Scope } from './scope.ts';
import { applyTest } from './tests.ts';
import type { Key, Value } from './values.ts';
import {
  dict,
  float,
  isDict,
  isFunction,
  isNamespace,
  itemsOf,
  keyOf,
  nothing,
  orElse,
  requireDefined,
  truth,
  tuple,
  typeName,
} from './values.ts';

/** The filters and tests of one rendering. */
export function toolsOf(budget: Budget): Tools {
  const tools: Tools = {
    budget,
    test: applyTest,
    filter: (name, value, args, named) => applyFilter(name, value, args, named, tools),
  };
  return tools;
}

/** Throws `JINJA_FAILED` where jinja2 raises, and `JINJA_LIMIT`. */
export function evaluate(node: Expression, scope: Scope, tools: Tools): Value {
  const { budget } = tools;
  budget.step();
  return budget.deeper(() => valueOf(node, scope, tools));
}

function valueOf(node: Expression, scope: Scope, tools: Tools): Value {
  const { budget } = tools;
  const inner = (expression: Expression): Value => evaluate(expression, scope, tools);
  switch (node.kind) {
    case 'constant':
      return node.float ? float(node.value as number) : node.value;
    case 'name':
      return orElse(scope.get(node.name), () => nothing(`'${node.name}' is undefined`));
    case 'list':
      return node.items.map(inner);
    case 'tuple':
      return tuple(node.items.map(inner));
    case 'dict':
      return dict(node.entries.map(([key, value]) => [keyOf(inner(key)), inner(value)] as const));
    case 'attribute':
      return attributeOf(inner(node.of), node.name, budget);
    case 'item':
      return itemOf(inner(node.of), inner(node.key), budget);
    case 'slice':
      return sliceOf(
        inner(node.of),
        node.bounds.map((bound) => (bound === null ? undefined : inner(bound))),
        budget,
      );
    case 'call':
      return callOf(inner(node.callee), node.args, scope, tools);
    case 'filter': {
      if (node.of === null) throw new Error('a filter of a block is applied by its statement');
      const { args, named } = argumentsOf(node.args, scope, tools);
      return applyFilter(node.name, inner(node.of), args, named, tools);
    }
    case 'test': {
      const { args, named } = argumentsOf(node.args, scope, tools);
      return applyTest(node.name, inner(node.of), args, named);
    }
    case 'not':
      return !truth(inner(node.of));
    case 'negative':
    case 'positive':
      return signed(inner(node.of), node.kind === 'negative');
    case 'and': {
      const left = inner(node.left);
      return truth(left) ? inner(node.right) : left;
    }
    case 'or': {
      const left = inner(node.left);
      return truth(left) ? left : inner(node.right);
    }
    case 'binary':
      return calculate(node.operator, inner(node.left), inner(node.right), budget);
    case 'concat':
      return concatenate(node.parts.map(inner), budget);
    case 'compare': {
      let left = inner(node.first);
      for (const [comparison, expression] of node.rest) {
        const right = inner(expression);
        if (!compare(comparison, left, right)) return false;
        left = right;
      }
      return true;
    }
    case 'condition':
      if (truth(inner(node.test))) return inner(node.then);
      return node.otherwise === null
        ? nothing('the inline if has no else, and its condition does not hold')
        : inner(node.otherwise);
  }
}

function callOf(callee: Value, given: Arguments, scope: Scope, tools: Tools): Value {
  const { args, named } = argumentsOf(given, scope, tools);
  const call = isFunction(callee) ? callee.call : isNamespace(callee) ? callee.call : undefined;
  if (call) return call(args, named);
  requireDefined(callee);
  throw fault('JINJA_FAILED', `'${typeName(callee)}' object is not callable`);
}

/** The values of a call's arguments. */
export function argumentsOf(
  given: Arguments,
  scope: Scope,
  tools: Tools,
): { args: Value[]; named: Map<string, Value> } {
  const args = given.positional.map((argument) => evaluate(argument, scope, tools));
  const named = new Map(given.named.map(([name, value]) => [name, evaluate(value, scope, tools)] as const));
  if (given.list !== null) args.push(...itemsOf(evaluate(given.list, scope, tools)));
  if (given.mapping !== null) {
    const mapping = evaluate(given.mapping, scope, tools);
    if (!isDict(mapping))
      throw fault('JINJA_FAILED', `argument after ** must be a mapping, not ${typeName(mapping)}`);
    for (const [key, value] of mapping.entries) named.set(nameOf(key), value);
  }
  return { args, named };
}

function nameOf(key: Key): string {
  if (typeof key === 'string') return key;
  throw fault('JINJA_FAILED', 'keywords must be strings');
}
