// Whether the words of a judgment sound like its verdict. Knows a simple reading of English, nothing of judges.
import { isPraise } from '../judgments/triplet.ts';
import { findsFault, toneOf } from '../judgments/wording.ts';
import type { Judged } from './judge.ts';

/** Praise that does not begin with "perfect", or criticism that does; undefined where nothing seems amiss. */
export function suspicionOf(judgment: string | null): Judged['suspicious'] {
  if (judgment === null) return undefined;
  if (isPraise(judgment)) return findsFault(judgment) ? 'criticism' : undefined;
  return toneOf(judgment) === 'praise' ? 'praise' : undefined;
}

/** The outcome for a judgment as it was given, marked where it seems suspicious. */
export function judgedAs(id: string, judgment: string | null): Judged {
  const suspicious = suspicionOf(judgment);
  return { id, judgment, ...(suspicious !== undefined && { suspicious }) };
}
