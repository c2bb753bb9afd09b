// Statements of a template, and what they write. Knows the tree, not the source.
import { argumentsOf, evaluate, toolsOf } from './evaluate.ts';
import { createBudget, fault } from './fault.ts';
import { applyFilter } from './filters.ts';
import type { Tools } from './filters.ts';
import type { Body, Expression, Parameter, Statement, Target } from './nodes.ts';
import type { Scope } from './scope.ts';
import { openScope } from './scope.ts';
import { textOf } from './text-forms.ts';
import type { Call, Namespace, Value } from './values.ts';
import {
  callable,
  equal,
  isFunction,
  isNamespace,
  itemsOf,
  nothing,
  orElse,
  tuple,
  truth,
  typeName,
} from './values.ts';
import { globals } from './globals.ts';
import { WhetstoneError } from '../errors.ts';

/** What a statement writes to, and what it works with. */
interface Frame {
  readonly out: string[];
  readonly scope: Scope;
  readonly tools: Tools;
}
type Jump = 'break' | 'continue' | null;

/** What a parsed template writes with these values. Throws `JINJA_FAILED`, `JINJA_RAISED` and `JINJA_LIMIT`. */
export function render(body: Body, values: Readonly<Record<string, Value>>): string {
  const tools = toolsOf(createBudget());
  const root = openScope(null);
  for (const [name, value] of Object.entries({ ...globals(tools.budget), ...values })) root.set(name, value);
  const frame: Frame = { out: [], scope: openScope(root), tools };
  run(body, frame);
  return written(frame);
}

function written({ out, tools }: Frame): string {
  tools.budget.text(out.reduce((sum, { length }) => sum + length, 0));
  return out.join('');
}

function run(body: Body, frame: Frame): Jump {
  for (const statement of body) {
    frame.tools.budget.step();
    const jump = placed(statement.line, () => runOne(statement, frame));
    if (jump !== null) return jump;
  }
  return null;
}

/** The innermost statement that fails gives its line to the error. */
function placed<T>(line: number, work: () => T): T {
  try {
    return work();
  } catch (error) {
    if (!(error instanceof WhetstoneError) || error.place.line !== undefined) throw error;
    throw new WhetstoneError(error.code, error.problem, { line });
  }
}

function runOne(statement: Statement, frame: Frame): Jump {
  const { scope, tools, out } = frame;
  switch (statement.kind) {
    case 'text':
      out.push(statement.text);
      tools.budget.text(statement.text.length);
      return null;
    case 'output': {
      const text = textOf(evaluate(statement.value, scope, tools), tools.budget);
      tools.budget.text(text.length);
      out.push(text);
      return null;
    }
    case 'set':
      assign(statement.target, evaluate(statement.value, scope, tools), scope);
      return null;
    case 'set-block': {
      const text = capture(statement.body, openScope(scope), tools);
      assign(statement.target, filtered(statement.filter, text, scope, tools), scope);
      return null;
    }
    case 'if': {
      const branch = statement.branches.find(({ test }) => truth(evaluate(test, scope, tools)));
      return tools.budget.deeper(() => run(branch ? branch.body : statement.otherwise, frame));
    }
    case 'for':
      return loop(statement, frame);
    case 'break':
    case 'continue':
      return statement.kind;
    case 'macro':
      scope.set(statement.name, callable(statement.name, macro(statement, frame)));
      return null;
    case 'call-block':
      return callBlock(statement, frame);
    case 'filter-block': {
      const text = capture(statement.body, openScope(scope), tools);
      out.push(textOf(filtered(statement.filter, text, scope, tools), tools.budget));
      return null;
    }
    case 'with': {
      const inner = openScope(scope);
      for (const [target, value] of statement.targets) assign(target, evaluate(value, scope, tools), inner);
      return tools.budget.deeper(() => run(statement.body, { ...frame, scope: inner }));
    }
    case 'scope':
      return tools.budget.deeper(() => run(statement.body, { ...frame, scope: openScope(scope) }));
  }
}

function capture(body: Body, scope: Scope, tools: Tools): string {
  const frame: Frame = { out: [], scope, tools };
  tools.budget.deeper(() => run(body, frame));
  return written(frame);
}

/** A text through the filters of a block. */
function filtered(filter: Expression | null, text: string, scope: Scope, tools: Tools): Value {
  if (filter === null) return text;
  if (filter.kind !== 'filter') throw new Error('a block is followed by filters alone');
  const { args, named } = argumentsOf(filter.args, scope, tools);
  return applyFilter(filter.name, filtered(filter.of, text, scope, tools), args, named, tools);
}

function assign(target: Target, value: Value, scope: Scope): void {
  if (target.kind === 'name') return scope.set(target.name, value);
  if (target.kind === 'attribute') {
    const namespace = scope.get(target.namespace);
    if (namespace !== undefined && isNamespace(namespace) && namespace.call === undefined)
      return void namespace.entries.set(target.name, value);
    throw fault('JINJA_FAILED', `cannot assign attribute on non-namespace object "${target.namespace}"`);
  }
  const items = itemsOf(value);
  if (items.length !== target.items.length) {
    const found = `expected ${target.items.length} values to unpack, found ${items.length}`;
    throw fault('JINJA_FAILED', found);
  }
  target.items.forEach((each, i) => assign(each, items[i]!, scope));
}

/** What a turn of a loop costs before its body. */
const stepsOfTurn = 10;

type Loop = Extract<Statement, { readonly kind: 'for' }>;

function loop(statement: Loop, frame: Frame): Jump {
  const over = evaluate(statement.over, frame.scope, frame.tools);
  runLoop(statement, frame, over, 0);
  return null;
}

function runLoop(statement: Loop, frame: Frame, over: Value, depth: number): void {
  const { tools } = frame;
  const items = itemsOf(over).filter((item) => {
    tools.budget.step();
    if (statement.test === null) return true;
    const scope = openScope(frame.scope);
    assign(statement.target, item, scope);
    return truth(evaluate(statement.test, scope, tools));
  });
  if (items.length === 0) {
    tools.budget.deeper(() => run(statement.otherwise, { ...frame, scope: openScope(frame.scope) }));
    return;
  }
  const again = statement.recursive
    ? (given: Value): string => {
        const inner: Frame = { ...frame, out: [] };
        tools.budget.deeper(() => runLoop(statement, inner, given, depth + 1));
        return written(inner);
      }
    : null;
  const changed = { last: null as Value | null };
  for (const [i, item] of items.entries()) {
    tools.budget.step(stepsOfTurn);
    const scope = openScope(frame.scope);
    scope.set('loop', loopVariable(items, i, depth, again, changed));
    assign(statement.target, item, scope);
    if (tools.budget.deeper(() => run(statement.body, { ...frame, scope })) === 'break') break;
  }
}

/** The variable `loop` in one turn. */
function loopVariable(
  items: readonly Value[],
  i: number,
  depth: number,
  again: ((given: Value) => string) | null,
  changed: { last: Value | null },
): Namespace {
  const { length } = items;
  const entries: Readonly<Record<string, Value>> = {
    index: i + 1,
    index0: i,
    revindex: length - i,
    revindex0: length - i - 1,
    first: i === 0,
    last: i === length - 1,
    length,
    depth: depth + 1,
    depth0: depth,
    previtem: orElse(items[i - 1], () => nothing('there is no previous item')),
    nextitem: orElse(items[i + 1], () => nothing('there is no next item')),
    cycle: callable('cycle', (args) => {
      if (args.length === 0) throw fault('JINJA_FAILED', 'no items for cycling given');
      return args[i % args.length]!;
    }),
    changed: callable('changed', (args) => {
      const now = tuple(args);
      const same = changed.last !== null && equal(changed.last, now);
      changed.last = now;
      return !same;
    }),
  };
  const call: Call = ([given]) => {
    if (again === null) throw fault('JINJA_FAILED', 'a loop that calls itself must be marked "recursive"');
    return again(orElse(given, () => []));
  };
  return { kind: 'namespace', entries: new Map(Object.entries(entries)), call };
}

interface Macro {
  readonly name?: string;
  readonly parameters: readonly Parameter[];
  readonly body: Body;
}

/** A function that writes a body; what it is given beyond its parameters is `varargs`, `kwargs` and `caller`. */
function macro({ name = 'caller', parameters, body }: Macro, { scope, tools }: Frame): Call {
  const reads = namesIn(body);
  return (args, named) => {
    const inner = openScope(scope);
    const others = new Map(named);
    parameters.forEach((parameter, i) => {
      const given = i < args.length ? args[i] : others.get(parameter.name);
      if (i < args.length && others.has(parameter.name))
        throw fault('JINJA_FAILED', `macro '${name}' got multiple values for argument '${parameter.name}'`);
      others.delete(parameter.name);
      if (given !== undefined) inner.set(parameter.name, given);
      else if (parameter.fallback !== null)
        inner.set(parameter.name, evaluate(parameter.fallback, inner, tools));
      else inner.set(parameter.name, nothing(`parameter '${parameter.name}' was not provided`));
    });
    const caller = others.get('caller');
    if (caller !== undefined) {
      others.delete('caller');
      inner.set('caller', caller);
    } else if (reads.has('caller')) inner.set('caller', nothing('No caller defined'));
    if (reads.has('kwargs')) inner.set('kwargs', { kind: 'dict', entries: others });
    else if (others.size > 0)
      throw fault('JINJA_FAILED', `macro '${name}' takes no keyword argument '${[...others.keys()][0]}'`);
    if (reads.has('varargs')) inner.set('varargs', tuple(args.slice(parameters.length)));
    else if (args.length > parameters.length)
      throw fault('JINJA_FAILED', `macro '${name}' takes not more than ${parameters.length} argument(s)`);
    return tools.budget.deeper(() => capture(body, inner, tools));
  };
}

/** The names that a body mentions anywhere. */
export function namesIn(body: Body): ReadonlySet<string> {
  const found = new Set<string>();
  const visit = (node: unknown): void => {
    if (typeof node !== 'object' || node === null) return;
    if ('kind' in node && node.kind === 'name' && 'name' in node) found.add(node.name as string);
    for (const child of Object.values(node)) visit(child);
  };
  visit(body);
  return found;
}

type CallBlock = Extract<Statement, { readonly kind: 'call-block' }>;

function callBlock(statement: CallBlock, frame: Frame): Jump {
  const { scope, tools, out } = frame;
  if (statement.call.kind !== 'call') throw new Error('a call block holds a call');
  const callee = evaluate(statement.call.callee, scope, tools);
  const { args, named } = argumentsOf(statement.call.args, scope, tools);
  named.set('caller', callable('caller', macro(statement, frame)));
  if (!isFunction(callee)) throw fault('JINJA_FAILED', `'${typeName(callee)}' object is not callable`);
  out.push(textOf(callee.call(args, named), tools.budget));
  return null;
}
