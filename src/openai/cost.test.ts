import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { aboutTokens, costOf, createLedger, formatMoney, mostTokens } from './cost.ts';

const prices = { input: 2, output: 8 };

describe('a ledger', () => {
  it('never lets the sum of all that was used pass the budget', () => {
    const call = fc.record({
      input: fc.nat(5000),
      output: fc.nat(500),
      share: fc.double({ min: 0, max: 1, noNaN: true }),
    });
    fc.assert(
      fc.property(
        fc.array(call, { maxLength: 60 }),
        fc.double({ min: 0, max: 0.1, noNaN: true }),
        fc.nat(5),
        (calls, budget, width) => {
          const ledger = createLedger(prices, budget, 0);
          const open: (() => void)[] = [];
          for (const { input, output, share } of calls) {
            const reservation = ledger.reserve({ input, output });
            if (reservation === 'never') expect(open).toEqual([]);
            else if (reservation === null) expect(open.length).toBeGreaterThan(0);
            else open.push(() => reservation.settle({ input, output: output * share }));
            if (open.length > width) open.shift()!();
          }
          for (const settle of open) settle();
          expect(ledger.spent()).toBeLessThanOrEqual(budget + 1e-9);
        },
      ),
    );
  });

  it('counts what was spent before, and makes room when a call was cheaper or free', async () => {
    const ledger = createLedger(prices, 10, 4);
    const million = { input: 1e6, output: 0 };
    const [a, b, c] = [ledger.reserve(million), ledger.reserve(million), ledger.reserve(million)];
    expect(ledger.reserve(million)).toBeNull();
    const woken = ledger.settled();
    (a as { settle(used: null): void }).settle(null);
    await woken;
    expect(ledger.reserve(million)).not.toBeNull();
    (b as { settle(used: object): void }).settle({ input: 5e5, output: 0 });
    (c as { settle(used: object): void }).settle(million);
    expect(ledger.spent()).toBe(7);
  });

  it('without a budget lets everything pass', () => {
    expect(createLedger(prices, null, 0).reserve({ input: 1e12, output: 1e12 })).toHaveProperty('settle');
  });
});

it('prices are per million tokens, input and output apart', () => {
  expect(costOf({ input: 500_000, output: 250_000 }, prices)).toBe(3);
});

it('estimates of tokens: near for words, and never below the most for bytes', () => {
  expect(aboutTokens('The quick brown fox jumps over the lazy dog.')).toBe(11);
  expect(aboutTokens('颜色不对')).toBe(4);
  expect(mostTokens('颜色')).toBe(6);
  fc.assert(fc.property(fc.string({ unit: 'grapheme' }), (text) => aboutTokens(text) <= mostTokens(text)));
});

it.each([
  [0, '0.00 X'],
  [12.345, '12.35 X'],
  [0.012345, '0.012 X'],
  [0.0005, '0.00050 X'],
])('formatMoney(%d)', (amount, shown) => {
  expect(formatMoney(amount, 'X')).toBe(shown);
});
