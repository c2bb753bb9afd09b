// A budget as calls meet it: money set aside before each, and a word where there is no more. Knows no calls.
import { WhetstoneError } from '../errors.ts';
import { costOf, createLedger, formatMoney, pricesOf } from './cost.ts';
import type { Prices, Reservation, TokenCounts } from './cost.ts';

export interface BudgetSettings {
  /** Per million tokens; null where not known. */
  readonly inputPrice: number | null;
  readonly outputPrice: number | null;
  /** In which money the prices and the budget are; only for people. */
  readonly currency: string;
  /** No call is made that could cost more than what is left of this; null for no limit. */
  readonly budget: number | null;
}

export interface Budget {
  /**
   * Sets aside what a call costs at most; waits while calls under way may yet leave enough. Throws WhetstoneError
   * `BUDGET_REACHED`, and the signal's reason.
   */
  reserve(most: TokenCounts, stop: AbortSignal): Promise<Reservation>;
  /** Since it was opened; null where no price is known. */
  spent(): number | null;
}

const free: Reservation = { settle: () => {} };

export const needsPrices = 'a budget needs both prices, of input and output tokens';

/** Null where nothing is known of prices. Throws WhetstoneError `INVALID_OPTION` for a budget without prices. */
export function budgetPrices(settings: BudgetSettings): Prices | null {
  const prices = pricesOf(settings);
  if (prices !== null || settings.budget === null) return prices;
  throw new WhetstoneError('INVALID_OPTION', needsPrices, {
    hint: 'Give them per million tokens: input_price and output_price.',
  });
}

/** `before` is what earlier processes have used of it. Throws as `budgetPrices`. */
export function createBudget(settings: BudgetSettings, before: TokenCounts): Budget {
  const { budget, currency } = settings;
  const prices = budgetPrices(settings);
  if (prices === null) return { reserve: () => Promise.resolve(free), spent: () => null };
  const spentBefore = costOf(before, prices);
  const ledger = createLedger(prices, budget, spentBefore);
  return {
    reserve: async (most, stop) => {
      for (;;) {
        stop.throwIfAborted();
        const reservation = ledger.reserve(most);
        if (reservation === 'never') throw usedUp(budget!, ledger.spent(), currency);
        if (reservation) return reservation;
        await ledger.settled();
      }
    },
    spent: () => ledger.spent() - spentBefore,
  };
}

const usedUp = (budget: number, spent: number, currency: string): WhetstoneError =>
  new WhetstoneError(
    'BUDGET_REACHED',
    `the budget of ${formatMoney(budget, currency)} is used up: ${formatMoney(spent, currency)} spent, and the next call could cost more than the rest`,
    { hint: 'What was answered so far is kept. Give a higher budget and run it again to go on.' },
  );
