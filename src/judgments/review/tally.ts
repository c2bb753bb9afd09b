// How many entries are in which view, kept while they change one by one. Knows entries and what was decided about them.
import { SEVERITIES } from '../findings.ts';
import type { FindingCode, Severity } from '../findings.ts';
import { labelOf } from '../triplet.ts';
import type { Action } from './decisions.ts';
import { findingsLeft, hasError, outcomeOf } from './entry.ts';
import type { Entry } from './entry.ts';

/** Which rows: all, those with findings of a weight or a kind, those that errors are left in, those decided about. */
export type View = 'all' | 'found' | 'left' | 'decided' | Severity | FindingCode;

export interface Sums {
  readonly triplets: number;
  readonly satisfactory: number;
  /** How many entries each view has; views of none are absent. */
  readonly views: Readonly<Partial<Record<View, number>>>;
  /** How many entries each action has been decided for. */
  readonly decided: Readonly<Record<Action, number>>;
  /** Triplets that would be written. */
  readonly kept: number;
}

export interface Tally {
  /** Counts an entry, in place of what was counted for it before. */
  count(at: number, entry: Entry): void;
  sums(): Sums;
  /** Places of a view's entries, in order. */
  places(view: View): readonly number[];
}

interface Counted {
  readonly views: ReadonlySet<View>;
  readonly actions: ReadonlySet<Action>;
  readonly kept: number;
}

export function tallyOf(actionsOf: (entry: Entry) => ReadonlySet<Action>): Tally {
  const counted: Counted[] = [];
  const views = new Map<View, number>();
  const decided = { drop: 0, repair: 0, satisfactory: 0 };
  let [triplets, satisfactory, kept] = [0, 0, 0];
  const add = (of: Counted, sign: 1 | -1): void => {
    for (const view of of.views) views.set(view, (views.get(view) ?? 0) + sign);
    for (const action of of.actions) decided[action] += sign;
    kept += sign * of.kept;
  };
  return {
    count: (at, entry) => {
      const before = counted[at];
      if (before) add(before, -1);
      else if (entry.triplet !== null) {
        triplets++;
        if (labelOf(entry.triplet) === 'align-p') satisfactory++;
      }
      const actions = actionsOf(entry);
      const now = { views: viewsOf(entry, actions), actions, kept: outcomeOf(entry, actions).length };
      counted[at] = now;
      add(now, 1);
    },
    sums: () => ({
      ...{ triplets, satisfactory, kept, decided: { ...decided } },
      views: Object.fromEntries([...views].filter(([, count]) => count > 0)),
    }),
    places: (view) => counted.flatMap((each, at) => (each.views.has(view) ? [at] : [])),
  };
}

const nowhereElse: ReadonlySet<View> = new Set(['all']);

function viewsOf(entry: Entry, actions: ReadonlySet<Action>): ReadonlySet<View> {
  if (entry.findings.length === 0 && actions.size === 0) return nowhereElse;
  const views = new Set<View>(['all']);
  if (entry.findings.length > 0) views.add('found');
  for (const { code } of entry.findings) views.add(code).add(SEVERITIES[code]);
  if (hasError(findingsLeft(entry, actions))) views.add('left');
  if (actions.size > 0) views.add('decided');
  return views;
}
