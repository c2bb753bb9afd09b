// Stop strings in text that comes in pieces: where the text ends, with the stop or before it, and not too early.
import fc from 'fast-check';
import { expect, it } from 'vitest';
import { searchStops } from './stop-strings.ts';

const cut = (text: string, at: readonly number[]): string[] => {
  const places = [0, ...at.map((n) => n % (text.length + 1)).sort((a, b) => a - b), text.length];
  return places.slice(1).map((end, i) => text.slice(places[i], end));
};

it('ends the text where a search in the whole of it would, however it is cut', () => {
  const letters = fc.string({ unit: fc.constantFrom('a', 'b', 'c'), minLength: 0, maxLength: 12 });
  const stop = fc.string({ unit: fc.constantFrom('a', 'b', 'c'), minLength: 1, maxLength: 4 });
  fc.assert(
    fc.property(
      letters,
      letters,
      stop,
      fc.boolean(),
      fc.array(fc.nat(12)),
      fc.array(fc.nat(12)),
      (...given) => {
        const [early, late, wanted, included, cutsBefore, cutsAfter] = given;
        const search = searchStops([wanted], included);
        let shown = '';
        for (const piece of cut(early, cutsBefore)) shown += search.push(piece, true);
        for (const piece of cut(late, cutsAfter)) shown += search.push(piece);
        shown += search.end();
        // The first stop that ends behind what came too early.
        const whole = early + late;
        const at = whole.indexOf(wanted, Math.max(0, early.length - wanted.length + 1));
        const expected = at < 0 ? whole : whole.slice(0, at + (included ? wanted.length : 0));
        expect(shown).toBe(expected);
        expect(search.found).toBe(at < 0 ? null : wanted);
      },
    ),
    { seed: 1, numRuns: 2000 },
  );
});
