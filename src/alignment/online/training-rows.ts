// What a round learns from: its own judged responses and those of the rounds before it that are kept, down-sampled,
// and the static triplets. Knows triplets; it does not know how they came about.
import { WhetstoneError } from '../../errors.ts';
import { isSound, keptAfterDownsampling, labelOf } from '../../judgments/index.ts';
import type { Triplet } from '../../judgments/index.ts';
import { methodNamed, usableRows } from '../methods.ts';
import type { AlignSettings } from '../settings.ts';
import { option } from '../../words/option.ts';

/** A round's judged responses, and for each whether the model ended it within its limit of tokens. */
export interface JudgedRound {
  readonly triplets: readonly Triplet[];
  readonly finished: readonly boolean[];
}

/**
 * The triplets to train on. Those in which the data check finds an error are left out, such as an empty response or a
 * judgment that only praises and counts as criticism, and so is a
 * satisfactory one that was cut off at the limit of tokens: learning it would teach the model to stop there. Of the other satisfactory ones at most `downsample` for each
 * unsatisfactory one stay, drawn with the seed; null keeps all. Those of `mix` stay whole.
 */
export function trainingRows(
  rounds: readonly JudgedRound[],
  mix: readonly Triplet[],
  { downsample, seed }: { readonly downsample: number | null; readonly seed: number },
): Triplet[] {
  const judged = rounds.flatMap(({ triplets, finished }) =>
    triplets.filter((triplet, i) => isSound(triplet) && (finished[i] || labelOf(triplet) === 'align-n')),
  );
  const labels = judged.map(labelOf);
  // Without anything unsatisfactory there is nothing to keep a proportion to; whether that will do, the method says.
  if (downsample === null || !labels.includes('align-n')) return [...judged, ...mix];
  return [...Array.from(keptAfterDownsampling(labels, downsample, seed), (i) => judged[i]!), ...mix];
}

/**
 * Throws WhetstoneError `INVALID_OPTIONS`, before anything is generated, for a method that rounds can never satisfy: a
 * round has one response to each instruction, and so no pairs of its own, and no revision that is judged.
 */
export function requireLearnable(settings: AlignSettings, mix: readonly Triplet[]): void {
  const { method } = settings;
  const { from, advantageOf } = methodNamed(method);
  const several = from === 'pairs' || advantageOf === 'revision';
  if (!several || usableRows(method, mix, settings).length > 0) return;
  throw new WhetstoneError(
    'INVALID_OPTIONS',
    `method "${method}" needs ${methodNamed(method).needs}; a round has one response to each instruction`,
    {
      hint: `Use another method, such as "ilf-dpo", which compares responses with their revisions, or give such rows with ${option('mix')}.`,
    },
  );
}

/**
 * Throws WhetstoneError `NOTHING_TO_LEARN` with what the round gave, if the method has no use for any of it: static
 * triplets alone are no reason to go on, but where pairs are compared they may be the other half.
 */
export function requireLessons(
  rows: readonly Triplet[],
  {
    round,
    mixed,
    own,
    settings,
    adapter,
  }: {
    readonly round: number;
    /** How many of the rows, the last ones, are static. */
    readonly mixed: number;
    readonly own: readonly Triplet[];
    readonly settings: AlignSettings;
    /** The adapter of the round before, for the hint. */
    readonly adapter: string | null;
  },
): void {
  const judged = methodNamed(settings.method).from === 'pairs' ? rows : rows.slice(0, rows.length - mixed);
  if (usableRows(settings.method, judged, settings).length > 0) return;
  const satisfactory = own.filter((triplet) => labelOf(triplet) === 'align-p').length;
  throw new WhetstoneError(
    'NOTHING_TO_LEARN',
    `round ${round}: ${satisfactory} of ${own.length} scored responses are satisfactory, and method ` +
      `"${settings.method}" needs ${methodNamed(settings.method).needs}`,
    {
      hint:
        (adapter === null ? '' : `The adapter of the rounds before is in ${adapter}. `) +
        `Harder instructions, a stricter judge or a higher ${option('temperature')} may find something to learn from.`,
    },
  );
}
