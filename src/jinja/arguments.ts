// The arguments of Python's own functions, filters and tests: by place or by name. Knows no particular one.
import { fault } from './fault.ts';
import type { Call, Value } from './values.ts';

/** What was given for each parameter, in order; undefined where nothing was. */
export type Given = readonly (Value | undefined)[];

/** Puts arguments to `parameters`. Throws `JINJA_FAILED` for too many, unknown ones, and one given twice. */
export function bind(
  what: string,
  parameters: readonly string[],
  args: readonly Value[],
  named: ReadonlyMap<string, Value>,
): Given {
  if (args.length > parameters.length)
    throw fault(
      'JINJA_FAILED',
      `${what} takes at most ${parameters.length} arguments, ${args.length} were given`,
    );
  for (const name of named.keys()) {
    const at = parameters.indexOf(name);
    if (at < 0) throw fault('JINJA_FAILED', `${what} has no argument "${name}"`);
    if (at < args.length) throw fault('JINJA_FAILED', `${what} was given "${name}" twice`);
  }
  return parameters.map((name, i) => (i < args.length ? args[i] : named.get(name)));
}

/** A function whose arguments are put to `parameters`, the first `required` of which it needs. */
export function withParameters(
  what: string,
  parameters: readonly string[],
  required: number,
  work: (given: Given) => Value,
): Call {
  return (args, named) => {
    const given = bind(what, parameters, args, named);
    const missing = given.findIndex((value, i) => i < required && value === undefined);
    if (missing >= 0) throw fault('JINJA_FAILED', `${what} needs the argument "${parameters[missing]}"`);
    return work(given);
  };
}
