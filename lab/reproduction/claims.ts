// What the paper claims, and what we ask ourselves, held against our numbers: confirmed, not shown, contradicted. Knows tables
// and intervals.
import type { Estimate } from '../../src/evaluation/index.ts';
import { percent, points } from '../../src/report/format.ts';
import type { Measure } from './measures.ts';
import type { Table, TableRow } from './table.ts';

/** `not shown`: the interval holds both outcomes. */
export type Verdict = 'confirmed' | 'not shown' | 'contradicted';

export interface Claim {
  /** A sentence. */
  readonly claim: string;
  /** Who says so: a place in the paper, for instance "Table 2", another paper, or `ours`. */
  readonly source: string;
  readonly verdict: Verdict;
  /** Our figures for it. */
  readonly evidence: string;
}

/** The source of a claim that no paper makes: what we want to know of the world. */
export const ours = 'ours';

/** A table with the differences between any two of its rows. */
export interface Evidence {
  readonly table: Table;
  row(id: string): TableRow;
  /** Of a measure; the table's main one if absent. */
  value(id: string, measure?: Measure['id']): Estimate;
  /** First minus second, paired by item, and by seed where both have as many. */
  difference(ahead: string, behind: string, measure?: Measure['id']): Estimate;
}

/** Confirmed where the whole interval is above `margin`, contradicted where all of it is below. */
export function verdictOf({ low, high }: Estimate, margin = 0): Verdict {
  if (low > margin) return 'confirmed';
  return high < margin ? 'contradicted' : 'not shown';
}

/** "+12.3 points [8.1 to 16.0]" */
export const differenceWords = ({ value, low, high }: Estimate): string =>
  `${points(value)} points [${points(low)} to ${points(high)}]`;

/** Of several verdicts on one claim: confirmed where all are, contradicted where any is. */
export function together(verdicts: readonly Verdict[]): Verdict {
  if (verdicts.includes('contradicted')) return 'contradicted';
  return verdicts.every((verdict) => verdict === 'confirmed') ? 'confirmed' : 'not shown';
}

/** What is compared in a claim: a sentence and who says so. */
export type Said = Pick<Claim, 'claim' | 'source'>;

/** How far apart rows may be that a claim calls level: two points. */
const levelMargin = 0.02;

/** That one row is ahead of each of the others. */
export const ahead = (
  evidence: Evidence,
  said: Said,
  first: string,
  others: readonly string[],
  measure?: Measure['id'],
): Claim => compared(evidence, said, first, others, (difference) => verdictOf(difference), measure);

/** That one row is ahead of each of the others or level with it: less than two points behind. */
export const notBehind = (evidence: Evidence, said: Said, first: string, others: readonly string[]): Claim =>
  compared(evidence, said, first, others, (difference) => verdictOf(difference, -levelMargin));

/** That one row gains nothing on the other: two points at most. */
export const noGain = (evidence: Evidence, said: Said, first: string, other: string): Claim =>
  compared(evidence, said, first, [other], (difference) => opposite(verdictOf(difference, levelMargin)));

function compared(
  evidence: Evidence,
  said: Said,
  first: string,
  others: readonly string[],
  verdict: (difference: Estimate) => Verdict,
  measure?: Measure['id'],
): Claim {
  const differences = others.map((other) => evidence.difference(first, other, measure));
  const { label } = evidence.row(first).row;
  const words = others.map(
    (other, i) => `${differenceWords(differences[i]!)} against ${evidence.row(other).row.label}`,
  );
  return {
    ...said,
    verdict: together(differences.map(verdict)),
    evidence: `${label} (${percent(evidence.value(first, measure).value)}): ${words.join('; ')}.`,
  };
}

function opposite(verdict: Verdict): Verdict {
  if (verdict === 'not shown') return verdict;
  return verdict === 'confirmed' ? 'contradicted' : 'confirmed';
}

/** That rows are within `margin` of one another: confirmed where every interval is, contradicted where one is outside. */
export function level(
  evidence: Evidence,
  said: Said,
  first: string,
  others: readonly string[],
  margin: number,
): Claim {
  const differences = others.map((other) => evidence.difference(other, first));
  const { label } = evidence.row(first).row;
  const words = others.map(
    (other, i) => `${evidence.row(other).row.label} ${differenceWords(differences[i]!)}`,
  );
  return {
    ...said,
    verdict: together(
      differences.map(({ low, high }) => {
        if (low > -margin && high < margin) return 'confirmed';
        return low > margin || high < -margin ? 'contradicted' : 'not shown';
      }),
    ),
    evidence: `Against ${label} (${percent(evidence.value(first).value)}): ${words.join('; ')}.`,
  };
}
