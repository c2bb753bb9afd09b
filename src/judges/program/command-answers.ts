// The answers of a command, line by line: which rows they belong to, and what was no answer. Knows no processes.
import { isFields } from '../../rows/fields.ts';
import type { Fields } from '../../rows/fields.ts';
import { excerpt } from '../../rows/text.ts';
import type { Line } from './lines.ts';

export interface ExpectedAnswers<Outcome> {
  /** Rows without an answer so far. */
  readonly open: ReadonlySet<string>;
  /** The outcome that a line is, if it is one: only the first for a row counts. */
  take(line: Line): Outcome[];
  /** What was no answer, counted by kind, with the first of each. */
  oddities(): string[];
}

interface Oddity {
  readonly kind: string;
  readonly line: number;
  readonly excerpt: string;
  count: number;
}

/** Reads lines such as `{"id": "3", "judgment": null}`: `read` makes the outcome of a row from such an object. */
export function expectAnswers<Outcome>(
  ids: readonly string[],
  read: (id: string, answer: Fields, line: string) => Outcome,
): ExpectedAnswers<Outcome> {
  const known = new Set(ids);
  const open = new Set(ids);
  const odd = new Map<string, Oddity>();
  const note = (kind: string, { number, text }: Line): Outcome[] => {
    const before = odd.get(kind);
    if (before) before.count++;
    else odd.set(kind, { kind, line: number, excerpt: excerpt(text ?? ''), count: 1 });
    return [];
  };
  return {
    open,
    take: (line) => {
      if (line.text === null) return note('is too long or not UTF-8', line);
      if (line.text.trim() === '') return [];
      const value = parse(line.text);
      if (!isFields(value)) return note(value === undefined ? 'is not JSON' : 'is not an object', line);
      const { id } = value;
      if (typeof id !== 'string' && typeof id !== 'number') return note('has no id', line);
      if (!known.has(String(id))) return note('has an id that was not asked for', line);
      if (!open.delete(String(id))) return note('answers a row for the second time', line);
      return [read(String(id), value, excerpt(line.text))];
    },
    oddities: () =>
      [...odd.values()].map(({ kind, line, excerpt, count }) => {
        const shown = excerpt === '' ? '' : `: ${excerpt}`;
        const more = count > 1 ? ` (and ${count - 1} more such)` : '';
        return `line ${line} of its output ${kind}${more}${shown}`;
      }),
  };
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text) as unknown;
  } catch {
    return undefined;
  }
}
