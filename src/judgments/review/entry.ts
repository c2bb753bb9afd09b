// One row of a file under review, or a part of one: what was found in it, what can be done with it, and what comes of
// that. Knows no file.
import { unreadableRow } from '../check.ts';
import { SEVERITIES, suspicionsOf } from '../findings.ts';
import type { Finding, FindingCode } from '../findings.ts';
import type { ReadRow } from '../read.ts';
import { repairRow, repairTriplet } from '../repairs.ts';
import { labelOf } from '../triplet.ts';
import type { Triplet, TripletSource } from '../triplet.ts';
import type { Fields } from '../../rows/fields.ts';
import { keyOf } from './decisions.ts';
import type { Action, RowKey } from './decisions.ts';

export interface Entry {
  readonly key: RowKey;
  readonly source: TripletSource;
  /** Null for a row that cannot be read. */
  readonly triplet: Triplet | null;
  /** What stands in a row that cannot be read; null where it is no object, too. */
  readonly fields: Fields | null;
  /** Everything that is suspicious; more is added as the row is looked at. */
  readonly findings: Finding[];
  /** What comes of a repair, and which findings are gone then; null where nothing can be repaired without guessing. */
  repaired: Outcome | null;
  /** What comes of a row that cannot be read, once it counts as satisfactory; null where that does not help. */
  readonly satisfied: readonly Triplet[] | null;
}

export interface Outcome {
  readonly triplets: readonly Triplet[];
  readonly mended: ReadonlySet<Finding>;
}

/** The entries of a row, without what a look at their texts will find. */
export function entriesOf(row: ReadRow): Entry[] {
  if (row.problems.length > 0) return [unreadEntry(row)];
  return row.triplets.map((triplet) => ({
    key: keyOf(triplet.source),
    source: triplet.source,
    triplet,
    fields: null,
    findings: [],
    repaired: null,
    satisfied: null,
  }));
}

function unreadEntry(row: ReadRow): Entry {
  const findings = row.problems.map(unreadableRow);
  const repaired = repairRow(row);
  // What else is wrong with it shows once it can be read.
  const isSound = (triplets: readonly Triplet[]): boolean =>
    triplets.every((triplet) => suspicionsOf(triplet).every(({ severity }) => severity !== 'error'));
  const without = row.fields === null ? null : row.reread({ ...row.fields, judgment: null, errors: null });
  const isSatisfied = without !== null && without.problems.length === 0 && without.triplets.length > 0;
  return {
    key: keyOf(row.source),
    source: row.source,
    triplet: null,
    fields: row.fields,
    findings,
    repaired: repaired && {
      triplets: repaired.triplets,
      mended: new Set(isSound(repaired.triplets) ? findings : []),
    },
    satisfied: isSatisfied && isSound(without.triplets) ? without.triplets : null,
  };
}

/** Adds what a look at the texts has found. */
export function found(entry: Entry, findings: readonly Finding[]): void {
  entry.findings.push(...findings);
  if (entry.triplet === null || findings.length === 0) return;
  const repaired = repairTriplet(entry.triplet, entry.findings);
  entry.repaired = repaired && { triplets: [repaired.triplet], mended: new Set(repaired.mended) };
}

/** Which actions mean anything for the entry. */
export function actionsOf({ triplet, repaired, satisfied }: Entry): Action[] {
  const isJudged =
    triplet === null
      ? satisfied !== null
      : labelOf(triplet) === 'align-n' || triplet.judgment !== null || (triplet.errors ?? []).length > 0;
  return [
    'drop',
    ...(repaired === null ? [] : ['repair' as const]),
    ...(isJudged ? ['satisfactory' as const] : []),
  ];
}

/** What is written of the entry; none where it is dropped or still cannot be read. */
export function outcomeOf(
  { triplet, repaired, satisfied }: Entry,
  actions: ReadonlySet<Action>,
): readonly Triplet[] {
  if (actions.has('drop')) return [];
  const isSatisfactory = actions.has('satisfactory');
  if (triplet === null && isSatisfactory && satisfied !== null) return satisfied;
  const present = actions.has('repair') && repaired !== null ? repaired.triplets : triplet ? [triplet] : [];
  return isSatisfactory ? present.map(withoutJudgment) : present;
}

function withoutJudgment({ errors: _, ...triplet }: Triplet): Triplet {
  return { ...triplet, judgment: null };
}

/** The findings that are left after what was decided. */
export function findingsLeft(entry: Entry, actions: ReadonlySet<Action>): readonly Finding[] {
  if (entry.findings.length === 0 || actions.has('drop')) return [];
  if (actions.size === 0) return entry.findings;
  const isSatisfactory = actions.has('satisfactory');
  if (isSatisfactory && entry.triplet === null) return entry.satisfied === null ? entry.findings : [];
  return entry.findings.filter(
    (each) =>
      !(actions.has('repair') && entry.repaired?.mended.has(each)) && !(isSatisfactory && isOfJudgment(each)),
  );
}

const ofOtherRows: readonly FindingCode[] = ['contradicting-judgments', 'judged-again', 'duplicate'];

const isOfJudgment = ({ code, field }: Finding): boolean =>
  (field === 'judgment' || field.startsWith('errors')) && !ofOtherRows.includes(code);

export const hasError = (findings: readonly Finding[]): boolean =>
  findings.some(({ code }) => SEVERITIES[code] === 'error');
