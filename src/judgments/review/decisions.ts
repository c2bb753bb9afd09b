// What a person decided about the rows of a file, in a journal: nothing is lost by a kill. Knows rows by their keys alone.
import { openJournal } from '../../durable/journal.ts';
import { isFields } from '../../rows/fields.ts';
import type { TripletSource } from '../triplet.ts';

/** What can be done with a row: leave it out; put right what is certain; take its response for satisfactory. */
export const ACTIONS = ['drop', 'repair', 'satisfactory'] as const;
export type Action = (typeof ACTIONS)[number];

/** A row by its number, or the part of a row that holds several: "12 completions[1]". */
export type RowKey = number | string;

export const keyOf = ({ row, part }: Pick<TripletSource, 'row' | 'part'>): RowKey =>
  part === undefined ? row : `${row} ${part}`;

interface Decided {
  readonly event: 'decided';
  readonly action: Action;
  readonly on: boolean;
  readonly rows: readonly RowKey[];
}
type Line = Decided | { readonly event: 'undone' };

export interface Decisions {
  of(key: RowKey): ReadonlySet<Action>;
  /** Resolves when it is on disk; it counts from then on. Rows for which it is so already are passed over. */
  decide(action: Action, on: boolean, rows: readonly RowKey[]): Promise<void>;
  /** Takes back what was decided last; null where there is nothing to take back. */
  undo(): Promise<readonly RowKey[] | null>;
  close(): Promise<void>;
}

const none: ReadonlySet<Action> = new Set();

/** Opens or makes the journal. Throws as `openJournal`. */
export async function openDecisions(path: string): Promise<Decisions> {
  const journal = await openJournal<Line>(path, lineOf, { mode: 0o600 });
  const held = new Map<RowKey, ReadonlySet<Action>>();
  const done: Decided[] = [];
  const set = ({ action, rows }: Decided, on: boolean): void => {
    for (const key of rows) {
      const before = held.get(key) ?? none;
      const after = new Set(on ? [...before, action] : [...before].filter((each) => each !== action));
      if (after.size === 0) held.delete(key);
      else held.set(key, after);
    }
  };
  const take = (line: Line): Decided | undefined => {
    const decided = line.event === 'undone' ? done.pop() : line;
    if (decided === undefined) return undefined;
    if (line.event === 'decided') done.push(line);
    set(decided, line.event === 'decided' ? decided.on : !decided.on);
    return decided;
  };
  journal.records.forEach(take);
  return {
    of: (key) => held.get(key) ?? none,
    decide: async (action, on, rows) => {
      const others = rows.filter((key) => (held.get(key) ?? none).has(action) !== on);
      if (others.length === 0) return;
      const line: Decided = { event: 'decided', action, on, rows: others };
      await journal.append(line);
      take(line);
    },
    undo: async () => {
      if (done.length === 0) return null;
      await journal.append({ event: 'undone' });
      return take({ event: 'undone' })!.rows;
    },
    close: () => journal.close(),
  };
}

function lineOf(value: unknown): Line | null {
  if (!isFields(value)) return null;
  if (value['event'] === 'undone') return { event: 'undone' };
  const { event, action, on, rows } = value;
  const isDecided =
    event === 'decided' &&
    ACTIONS.includes(action as Action) &&
    typeof on === 'boolean' &&
    Array.isArray(rows) &&
    rows.every((key) => typeof key === 'number' || typeof key === 'string');
  return isDecided ? (value as unknown as Decided) : null;
}
