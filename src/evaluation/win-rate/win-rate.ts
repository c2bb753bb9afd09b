// Win rates from pairwise preferences, as AlpacaEval computes them (alpaca_eval/metrics/winrate.py, helpers.py). Knows
// numbers only.
import { mean, standardDeviation } from '../../statistics/spread.ts';

/** 1 where the reference is better, 2 where the model is, anything between, 1.5 for a draw; null is unscored. */
export type Preference = number | null;

export interface WinRate {
  /** 100 * mean(preference - 1) over what is scored; null where nothing is. */
  readonly winRate: number | null;
  /** 100 * sample standard deviation / sqrt(scored); null for fewer than two. */
  readonly standardError: number | null;
  /** 100 * (wins + draws / 2) / scored: what it would be if every preference was rounded. */
  readonly discreteWinRate: number | null;
  readonly wins: number;
  readonly losses: number;
  readonly draws: number;
  readonly scored: number;
  readonly total: number;
}

/** Throws RangeError for a preference outside of [1, 2]. */
export function winRate(preferences: readonly Preference[]): WinRate {
  const shares = preferences.flatMap((preference) => (preference === null ? [] : [shareOf(preference)]));
  const scored = shares.length;
  const wins = shares.filter((share) => share > 0.5).length;
  const losses = shares.filter((share) => share < 0.5).length;
  const draws = scored - wins - losses;
  return {
    ...percentMean(shares),
    discreteWinRate: scored === 0 ? null : (100 * (wins + draws / 2)) / scored,
    wins,
    losses,
    draws,
    scored,
    total: preferences.length,
  };
}

/** Mean and standard error of shares of 1, in per cent. */
export function percentMean(shares: readonly number[]): Pick<WinRate, 'winRate' | 'standardError'> {
  const deviation = standardDeviation(shares);
  return {
    winRate: shares.length === 0 ? null : 100 * mean(shares),
    standardError: deviation === null ? null : (100 * deviation) / Math.sqrt(shares.length),
  };
}

function shareOf(preference: number): number {
  if (preference >= 1 && preference <= 2) return preference - 1;
  throw new RangeError(`a preference is in [1, 2], found ${preference}`);
}

/** The preference of a pair that was shown in both orders, the model counted as 2 in each: their mean. */
export const bothWays = (one: number, other: number): number => (one + other) / 2;

/** Whether the one that is shown first, or second, wins both times. */
export const isFlip = (one: number, other: number): boolean => (one - 1.5) * (other - 1.5) < 0;
