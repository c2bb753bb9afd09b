// Win rates, plain and length-controlled, and the order of outputs, against AlpacaEval's own code (alpaca.py).
import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { lengthControlledWinRate } from '../../src/evaluation/win-rate/length-control.ts';
import type { LengthTable } from '../../src/evaluation/win-rate/length-control.ts';
import { isSwitched } from '../../src/evaluation/win-rate/order.ts';
import { winRate } from '../../src/evaluation/win-rate/win-rate.ts';

interface Fit {
  readonly win_rate: number;
  readonly standard_error: number | null;
  readonly coefficients: readonly number[];
  readonly c: number;
}

interface Golden {
  readonly win_rates: readonly {
    readonly name: string;
    readonly preferences: readonly (number | null)[];
    readonly expected: Readonly<Record<string, number | null>>;
  }[];
  readonly length_controlled: readonly {
    readonly name: string;
    readonly pairs: readonly {
      readonly preference: number | null;
      readonly reference_length: number;
      readonly model_length: number;
    }[];
    readonly table: readonly {
      readonly index: number;
      readonly preference: number;
      readonly std_delta_len: number;
      readonly instruction_difficulty: number;
    }[];
    readonly expected: Readonly<Record<string, { readonly liblinear: Fit; readonly converged: Fit }>>;
  }[];
  readonly order: readonly { readonly instruction: string; readonly switched: boolean }[];
}

const golden = JSON.parse(readFileSync(new URL('alpaca.json', import.meta.url), 'utf8')) as Golden;

describe('the win rate', () => {
  it.each(golden.win_rates)('of $name preferences is AlpacaEval’s', ({ preferences, expected }) => {
    const found = winRate(preferences);
    const { win_rate, standard_error, discrete_win_rate, n_wins, n_wins_base, n_draws, n_total } = expected;
    expect(found).toMatchObject({ wins: n_wins, losses: n_wins_base, draws: n_draws, scored: n_total });
    expect(found.winRate).toBeCloseTo(win_rate!, 10);
    expect(found.discreteWinRate).toBeCloseTo(discrete_win_rate!, 10);
    if (standard_error === null) expect(found.standardError).toBeNull();
    else expect(found.standardError).toBeCloseTo(standard_error!, 10);
  });
});

describe('the length-controlled win rate', () => {
  const cases = golden.length_controlled.flatMap(({ name, pairs, table, expected }) =>
    Object.entries(expected).map(([variant, fits]) => ({ name, variant, pairs, table, fits })),
  );

  it.each(cases)('of $name pairs, $variant', ({ variant, pairs, table, fits }) => {
    const known: LengthTable = {
      difficulty: new Map(table.map((row) => [row.index, row.instruction_difficulty])),
      gamed:
        variant === 'length_controlled_v1'
          ? table.map(({ index, preference, std_delta_len }) => ({
              ...{ index, preference, standardisedLength: std_delta_len },
            }))
          : [],
    };
    const found = lengthControlledWinRate(
      pairs.map(({ preference, reference_length, model_length }) => ({
        ...{ preference, referenceLength: reference_length, modelLength: model_length },
      })),
      variant === 'length_controlled_minimal' ? null : known,
    )!;
    const { length, difficulty, model } = found.coefficients;
    const coefficients = difficulty === null ? [length, model] : [length, difficulty, model];
    expect(found.variant).toBe(variant);
    const { converged, liblinear } = fits;
    expect(found.c).toBeCloseTo(converged.c, 8);
    for (const [i, each] of converged.coefficients.entries()) expect(coefficients[i]).toBeCloseTo(each, 5);
    expect(found.winRate).toBeCloseTo(converged.win_rate, 5);
    expect(found.standardError).toBeCloseTo(converged.standard_error!, 5);
    // What AlpacaEval itself prints: its solver stops earlier.
    expect(Math.abs(found.winRate - liblinear.win_rate)).toBeLessThan(0.005);
  });
});

describe('the order of a pair', () => {
  it.each(golden.order)('for $instruction is AlpacaEval’s', ({ instruction, switched }) => {
    expect(isSwitched(instruction)).toBe(switched);
  });
});
