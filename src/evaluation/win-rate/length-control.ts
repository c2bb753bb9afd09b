// Win rates as they would be if both sides' responses were of one length: the regression of length-controlled
// AlpacaEval (alpaca_eval/metrics/glm_winrate.py). Knows preferences, lengths and difficulties, no texts.
import { mean, standardDeviation } from '../../statistics/spread.ts';
import { fitCrossValidated, probability } from './logistic.ts';
import type { RegressionRows } from './logistic.ts';
import type { Preference } from './win-rate.ts';
import { percentMean } from './win-rate.ts';

/** A pair of responses to the instruction of that number, all pairs in the order of the data set. */
export interface LengthPair {
  readonly preference: Preference;
  /** Code points. */
  readonly referenceLength: number;
  readonly modelLength: number;
}

/** What is known beforehand of the instructions, by their place in the data set. */
export interface LengthTable {
  /** How hard each instruction is for a model in general, on the scale of logits. */
  readonly difficulty: ReadonlyMap<number, number>;
  /** Preferences for responses of known models that were asked to be brief or long, towards which the fit is drawn. */
  readonly gamed: readonly GamedPair[];
}

export interface GamedPair {
  readonly index: number;
  /** In [0, 1]. */
  readonly preference: number;
  readonly standardisedLength: number;
}

/** AlpacaEval's names: with table and gamed pairs, with difficulties only, and with neither. */
export type LengthVariant = 'length_controlled_v1' | 'length_controlled_noreg' | 'length_controlled_minimal';

export interface LengthControlled {
  /** 100 * mean of the predicted preference at equal length, over all pairs. */
  readonly winRate: number;
  /** 100 * sample standard deviation / sqrt(pairs): 0 without difficulties, where all predictions are equal. */
  readonly standardError: number | null;
  readonly variant: LengthVariant;
  readonly coefficients: {
    readonly length: number;
    readonly difficulty: number | null;
    readonly model: number;
  };
  /** Inverse strength of the penalty that cross-validation chose. */
  readonly c: number;
}

/** Folds of the cross-validation. Fewer scored pairs cannot be fitted. */
export const lengthFolds = 5;
/** Weight of the gamed pairs, which come from two models. */
const gamedWeight = 0.2 / 2;

/**
 * Regresses preferences on tanh((reference's length - model's length) / its sample standard deviation), the difficulty
 * where a table is given, and a constant for the model, and predicts them at equal length. Null for fewer than five
 * scored pairs. Throws RangeError where the table lacks an instruction.
 */
export function lengthControlledWinRate(
  pairs: readonly LengthPair[],
  table: LengthTable | null = null,
): LengthControlled | null {
  if (pairs.filter(({ preference }) => preference !== null).length < lengthFolds) return null;
  const differences = pairs.map(({ referenceLength, modelLength }) => referenceLength - modelLength);
  const spread = standardDeviation(differences)!;
  const difficultyOf = (index: number): number => {
    const found = table?.difficulty.get(index);
    if (found === undefined) throw new RangeError(`no difficulty of instruction ${index}`);
    return found;
  };
  const features = (standardised: number, index: number, model: 0 | 1): number[] => [
    Math.tanh(standardised),
    ...(table === null ? [] : [difficultyOf(index)]),
    model,
  ];
  const known = (table?.gamed ?? []).map(({ index, preference, standardisedLength }) => ({
    features: features(standardisedLength, index, 0),
    target: preference,
    weight: gamedWeight,
  }));
  const own = pairs.flatMap(({ preference }, index) => {
    // Without any difference in length there is nothing to standardise.
    const standardised = spread === 0 ? 0 : differences[index]! / spread;
    return preference === null
      ? []
      : [{ features: features(standardised, index, 1), target: preference - 1, weight: 1 }];
  });
  const all = [...known, ...own];
  const rows: RegressionRows = {
    features: all.map((row) => row.features),
    targets: all.map(({ target }) => target),
    weights: all.map(({ weight }) => weight),
  };
  const { coefficients, c } = fitCrossValidated(rows, lengthFolds);
  const predicted = pairs.map((_, index) => probability(coefficients, features(0, index, 1)));
  return {
    winRate: 100 * mean(predicted),
    standardError: percentMean(predicted).standardError,
    variant:
      table === null
        ? 'length_controlled_minimal'
        : table.gamed.length > 0
          ? 'length_controlled_v1'
          : 'length_controlled_noreg',
    coefficients: {
      length: coefficients[0]!,
      difficulty: table === null ? null : coefficients[1]!,
      model: coefficients.at(-1)!,
    },
    c,
  };
}
