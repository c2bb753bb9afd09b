// Figures of several subjects side by side, each compared with the first on the same items. Knows figures, not what
// they measure.
import type { BootstrapSettings, Estimate } from '../../statistics/bootstrap.ts';
import { bootstrapMean, pairedBootstrap } from '../../statistics/bootstrap.ts';
import type { Figure } from './task.ts';

export interface ComparisonCell extends Pick<Figure, 'value' | 'stderr' | 'scored' | 'total'> {
  /** Bootstrap interval over items; null where the figure is no mean. */
  readonly interval: Pick<Estimate, 'low' | 'high'> | null;
  /** Minus the first subject's value, with an interval over items; null for the first, and where no mean is compared. */
  readonly difference: Estimate | null;
}

export interface ComparisonRow extends Pick<Figure, 'name' | 'metric' | 'unit' | 'detail' | 'counted'> {
  /** One for each subject. */
  readonly cells: readonly ComparisonCell[];
}

export interface Comparison {
  readonly subjects: readonly string[];
  readonly rows: readonly ComparisonRow[];
  /** Share of resamples inside an interval. */
  readonly confidence: number;
}

/** `figures[i]` are those of subject i: the same ones for each. */
export function compare(
  subjects: readonly string[],
  figures: readonly (readonly Figure[])[],
  bootstrap: BootstrapSettings = {},
): Comparison {
  const [first = []] = figures;
  const rows = first.map((base, row) => {
    const cells = figures.map((own, subject): ComparisonCell => {
      const { value, stderr, scored, total, scores } = own[row]!;
      const difference = subject === 0 ? null : paired(scores, base.scores, bootstrap);
      return { value, stderr, scored, total, interval: intervalOf(scores, bootstrap), difference };
    });
    const { name, metric, unit, detail, counted } = base;
    return { name, metric, unit, ...(detail && { detail }), ...(counted && { counted }), cells };
  });
  return { subjects, rows, confidence: bootstrap.confidence ?? 0.95 };
}

function intervalOf(scores: Figure['scores'], settings: BootstrapSettings): ComparisonCell['interval'] {
  const scored = (scores ?? []).filter((score) => score !== null);
  if (scored.length === 0) return null;
  const { low, high } = bootstrapMean([scored], settings);
  return { low, high };
}

/** Over the items that both have a score for. */
function paired(
  ours: Figure['scores'],
  theirs: Figure['scores'],
  settings: BootstrapSettings,
): Estimate | null {
  if (ours === null || theirs === null || ours.length !== theirs.length) return null;
  const both = ours.flatMap((our, i) => {
    const their = theirs[i]!;
    return our === null || their === null ? [] : [[our, their] as const];
  });
  if (both.length === 0) return null;
  return pairedBootstrap([both.map(([our]) => our)], [both.map(([, their]) => their)], settings);
}
