// A template's source as a syntax tree: its statements, by jinja2's grammar and those extensions of it that
// transformers switches on. Knows no values.
import { parseExpression, parseFilters, parseTuple } from './expressions.ts';
import { fault } from './fault.ts';
import { tokenize } from './lexer.ts';
import type { Body, Expression, Parameter, Statement, Target } from './nodes.ts';
import type { Cursor } from './cursor.ts';
import { openCursor } from './cursor.ts';

/** Throws WhetstoneError `JINJA_SYNTAX` with the line, and `JINJA_LIMIT` where it is nested too deeply. */
export function parse(source: string): Body {
  const cursor = openCursor(tokenize(source));
  return parseBody(cursor, [], null);
}

/** Statements up to a tag of one of the names in `ends`, which is left open; without any, to the end of the source. */
function parseBody(cursor: Cursor, ends: readonly string[], within: Tag | null): Body {
  return cursor.deeper(() => {
    const body: Statement[] = [];
    for (;;) {
      const { kind, text, line } = cursor.next();
      if (kind === 'end') {
        if (within === null) return body;
        const closers = ends.map((name) => `{% ${name} %}`).join(' or ');
        throw fault('JINJA_SYNTAX', `{% ${within.name} %} has no ${closers} that closes it`, within.line);
      }
      if (kind === 'text') body.push({ kind: 'text', text, line });
      else if (kind === 'begin-output') {
        body.push({ kind: 'output', value: parseTuple(cursor), line });
        cursor.expect('end-output', '}}');
      } else {
        if (cursor.peek().kind === 'name' && ends.includes(cursor.peek().text)) return body;
        body.push(...parseStatement(cursor, within));
        cursor.expect('end-block', '%}');
      }
    }
  });
}

/** A tag that something has to close. */
interface Tag {
  readonly name: string;
  readonly line: number;
}

/** The body of a tag and the name of the tag that ended it, whose rest is left. */
function parseInside(cursor: Cursor, tag: Tag, ends: readonly string[]): { body: Body; end: string } {
  if (cursor.isOperator(':')) cursor.next();
  cursor.expect('end-block', '%}');
  const body = parseBody(cursor, ends, tag);
  return { body, end: cursor.next().text };
}

function parseStatement(cursor: Cursor, within: Tag | null): Statement[] {
  const { kind, text: name, line } = cursor.next();
  if (kind !== 'name') throw fault('JINJA_SYNTAX', 'a tag {% needs a name', line);
  const tag = { name, line };
  const inside = (end: string): Body => parseInside(cursor, tag, [end]).body;
  switch (name) {
    case 'if':
      return [parseIf(cursor, tag)];
    case 'for':
      return [parseFor(cursor, tag)];
    case 'set':
      return [parseSet(cursor, tag)];
    case 'break':
    case 'continue':
      return [{ kind: name, line }];
    case 'macro': {
      const macro = cursor.expect('name', 'a name');
      return [
        {
          kind: 'macro',
          name: macro.text,
          parameters: parseParameters(cursor),
          body: inside('endmacro'),
          line,
        },
      ];
    }
    case 'call':
      return [parseCall(cursor, tag)];
    case 'filter': {
      const filter = parseFilters(cursor, null, true)!;
      return [{ kind: 'filter-block', filter, body: inside('endfilter'), line }];
    }
    case 'with':
      return [parseWith(cursor, tag)];
    case 'generation':
      return [{ kind: 'scope', body: inside('endgeneration'), line }];
    case 'print': {
      const outputs: Statement[] = [];
      while (cursor.peek().kind !== 'end-block') {
        if (outputs.length > 0) cursor.operator(',');
        outputs.push({ kind: 'output', value: parseExpression(cursor), line });
      }
      return outputs;
    }
    case 'include':
    case 'import':
    case 'from':
    case 'extends':
    case 'block':
      throw fault('JINJA_SYNTAX', `{% ${name} %} joins several templates, and a chat template is one`, line);
    default: {
      const open = within === null ? '' : `; {% ${within.name} %} of line ${within.line} is open`;
      throw fault('JINJA_SYNTAX', `there is no tag {% ${name} %} here${open}`, line);
    }
  }
}

function parseIf(cursor: Cursor, tag: Tag): Statement {
  const branches: { test: Expression; body: Body }[] = [];
  let otherwise: Body = [];
  for (let end = 'elif'; end === 'elif';) {
    const test = parseTuple(cursor, { conditions: false });
    const inside = parseInside(cursor, tag, ['elif', 'else', 'endif']);
    branches.push({ test, body: inside.body });
    end = inside.end;
    if (end === 'else') otherwise = parseInside(cursor, tag, ['endif']).body;
  }
  return { kind: 'if', branches, otherwise, line: tag.line };
}

function parseFor(cursor: Cursor, tag: Tag): Statement {
  const target = parseTarget(cursor, false);
  cursor.keyword('in');
  const over = parseTuple(cursor, { conditions: false, end: 'recursive' });
  const test = cursor.skipName('if') ? parseExpression(cursor) : null;
  const recursive = cursor.skipName('recursive');
  const { body, end } = parseInside(cursor, tag, ['endfor', 'else']);
  const otherwise = end === 'else' ? parseInside(cursor, tag, ['endfor']).body : [];
  return { kind: 'for', target, over, test, recursive, body, otherwise, line: tag.line };
}

function parseSet(cursor: Cursor, tag: Tag): Statement {
  const target = parseTarget(cursor, true);
  if (cursor.isOperator('=')) {
    cursor.next();
    return { kind: 'set', target, value: parseTuple(cursor), line: tag.line };
  }
  const filter = parseFilters(cursor, null, false);
  return {
    kind: 'set-block',
    target,
    filter,
    body: parseInside(cursor, tag, ['endset']).body,
    line: tag.line,
  };
}

function parseCall(cursor: Cursor, tag: Tag): Statement {
  const parameters = cursor.isOperator('(') ? parseParameters(cursor) : [];
  const call = parseExpression(cursor);
  if (call.kind !== 'call') throw fault('JINJA_SYNTAX', '{% call %} needs a call of a macro', tag.line);
  return {
    kind: 'call-block',
    call,
    parameters,
    body: parseInside(cursor, tag, ['endcall']).body,
    line: tag.line,
  };
}

function parseWith(cursor: Cursor, tag: Tag): Statement {
  const targets: (readonly [Target, Expression])[] = [];
  while (cursor.peek().kind !== 'end-block') {
    if (targets.length > 0) cursor.operator(',');
    const target = parseTarget(cursor, false);
    cursor.operator('=');
    targets.push([target, parseExpression(cursor)]);
  }
  return { kind: 'with', targets, body: parseInside(cursor, tag, ['endwith']).body, line: tag.line };
}

function parseParameters(cursor: Cursor): Parameter[] {
  const parameters: Parameter[] = [];
  cursor.operator('(');
  while (!cursor.isOperator(')')) {
    if (parameters.length > 0) cursor.operator(',');
    const { text: name, line } = cursor.expect('name', 'a name');
    const fallback = cursor.isOperator('=') ? (cursor.next(), parseExpression(cursor)) : null;
    if (fallback === null && parameters.at(-1)?.fallback)
      throw fault('JINJA_SYNTAX', `parameter "${name}" has no default, though one before it has`, line);
    parameters.push({ name, fallback });
  }
  cursor.next();
  return parameters;
}

const constants = ['true', 'false', 'none', 'True', 'False', 'None'];

/** One or several names to assign to, in parentheses or not; a namespace's attribute where that is allowed. */
function parseTarget(cursor: Cursor, attributes: boolean): Target {
  const { line } = cursor.peek();
  const items: Target[] = [];
  let several = false;
  const ended = (): boolean => cursor.isOperator('=') || cursor.isOperator(')') || cursor.isName('in');
  while (!ended()) {
    items.push(parseOneTarget(cursor, attributes));
    if (!cursor.isOperator(',')) break;
    cursor.next();
    several = true;
  }
  const [first] = items;
  if (first === undefined)
    throw fault('JINJA_SYNTAX', `expected a name to assign to, found ${cursor.describe()}`, line);
  return several ? { kind: 'targets', items, line } : first;
}

function parseOneTarget(cursor: Cursor, attributes: boolean): Target {
  if (cursor.isOperator('(')) {
    return cursor.deeper(() => {
      cursor.next();
      const target = parseTarget(cursor, attributes);
      cursor.operator(')');
      return target;
    });
  }
  const { text: name, line } = cursor.expect('name', 'a name to assign to');
  if (constants.includes(name)) throw fault('JINJA_SYNTAX', `nothing can be assigned to ${name}`, line);
  if (!attributes || !cursor.isOperator('.')) return { kind: 'name', name, line };
  cursor.next();
  return { kind: 'attribute', namespace: name, name: cursor.expect('name', 'an attribute').text, line };
}
