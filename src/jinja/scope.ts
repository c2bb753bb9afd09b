// Names and their values, one scope within another. Knows no syntax.
import type { Value } from './values.ts';

export interface Scope {
  /** The value of a name, here or further out. */
  get(name: string): Value | undefined;
  /** Gives a name a value in this scope alone. */
  set(name: string, value: Value): void;
}

export function openScope(outer: Pick<Scope, 'get'> | null): Scope {
  const values = new Map<string, Value>();
  return {
    get: (name) => (values.has(name) ? values.get(name) : outer?.get(name)),
    set: (name, value) => void values.set(name, value),
  };
}
