// Jinja templates as jinja2 and transformers render them: Python's values, bounded in steps and output, with errors
// that name lines.
import { WhetstoneError } from '../errors.ts';
import { fault } from './fault.ts';
import { parse } from './parser.ts';
import { namesIn, render } from './render.ts';
import type { Value } from './values.ts';

export { fault } from './fault.ts';
export type { FaultCode } from './fault.ts';
export { callable, fromJson } from './values.ts';
export type { Value } from './values.ts';

export type Template = (values: Readonly<Record<string, Value>>) => string;

/**
 * Reads a template. Throws WhetstoneError `JINJA_SYNTAX`, with the line; the template it gives throws `JINJA_FAILED`
 * where jinja2 raises, `JINJA_RAISED` where the template does so itself, and `JINJA_LIMIT` where it does not end.
 */
export function compileTemplate(source: string): Template {
  const body = bounded(() => parse(source));
  return (values) => bounded(() => render(body, values));
}

/** Every name that a template reads or sets. Throws `JINJA_SYNTAX`. */
export const variablesOf = (source: string): ReadonlySet<string> => bounded(() => namesIn(parse(source)));

/** The depths are bounded where they are known; the stack is so everywhere. */
function bounded<T>(work: () => T): T {
  try {
    return work();
  } catch (error) {
    if (error instanceof WhetstoneError || !(error instanceof RangeError)) throw error;
    throw fault('JINJA_LIMIT', 'it is nested too deeply, or what it makes is too large');
  }
}
