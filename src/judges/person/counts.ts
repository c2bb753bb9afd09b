// What is told of those who judge: how much each did, how far each two agree. Types only, for pages too.
import type { LabelAgreement, SpanAgreement } from '../../statistics/agreement.ts';

export interface PersonCounts {
  readonly person: string;
  readonly judged: number;
  readonly skipped: number;
}

export interface PairAgreement {
  readonly people: readonly [string, string];
  /** On satisfactory or not, over rows that both judged. */
  readonly labels: LabelAgreement;
  /** Rows that both marked, and how far their marks meet; null where there are none. */
  readonly marks: (SpanAgreement & { readonly rows: number }) | null;
}
