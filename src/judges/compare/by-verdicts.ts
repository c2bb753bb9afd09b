// Pairs compared by a judge that sees one response at a time: satisfactory beats unsatisfactory, else it is a draw.
// Knows the judge's interface only.
import { labelOf } from '../../judgments/triplet.ts';
import { promptOf } from '../../rows/conversation.ts';
import type { Comparer, Comparison, PairRequest } from '../comparer.ts';
import { isJudged } from '../judge.ts';
import type { Judge, JudgeRequest, Outcome } from '../judge.ts';

/**
 * A comparer that has each response judged by itself, and each but once while it is open. The order of a pair does not
 * matter to it. A pair is unscored where either judgment is. It takes over the judge, which closes with it.
 */
export function compareByVerdicts(judge: Judge): Comparer {
  const known = new Map<string, Outcome>();
  return {
    name: `${judge.name}, by its verdicts`,
    fingerprint: `verdicts:${judge.fingerprint}`,
    ordered: false,
    compare: async (pairs, { onComparison, signal }) => {
      const open = new Map<
        string,
        { readonly pair: PairRequest; readonly keys: readonly [string, string] }[]
      >();
      const requests = new Map<string, JudgeRequest>();
      for (const pair of pairs) {
        const sides = [pair.output_1, pair.output_2].map((output) => requestOf(pair, output));
        const keys = sides.map((side) => JSON.stringify(side)) as [string, string];
        for (const [i, key] of keys.entries()) {
          if (known.has(key)) continue;
          if (!requests.has(key)) requests.set(key, { id: String(requests.size), ...sides[i]! });
          open.set(key, [...(open.get(key) ?? []), { pair, keys }]);
        }
        if (!requests.has(keys[0]) && !requests.has(keys[1]))
          await onComparison(verdictOf(pair.id, known.get(keys[0])!, known.get(keys[1])!));
      }
      const keyOf = new Map([...requests].map(([key, { id }]) => [id, key]));
      const told = new Set<string>();
      await judge.judge([...requests.values()], {
        ...(signal && { signal }),
        onOutcome: async (outcome) => {
          const judged = keyOf.get(outcome.id)!;
          known.set(judged, outcome);
          for (const { pair, keys } of open.get(judged)!) {
            const [first, second] = keys.map((key) => known.get(key));
            if (!first || !second || told.has(pair.id)) continue;
            told.add(pair.id);
            await onComparison(verdictOf(pair.id, first, second));
          }
        },
      });
      // Another call may ask for them again.
      for (const key of requests.keys()) if (!isJudged(known.get(key)!)) known.delete(key);
    },
    usage: () => judge.usage(),
    close: () => judge.close(),
  };
}

const requestOf = (pair: PairRequest, output: string): Omit<JudgeRequest, 'id'> => ({
  ...promptOf(pair),
  output,
});

function verdictOf(id: string, first: Outcome, second: Outcome): Comparison {
  if (!isJudged(first)) return { id, unscored: `the first response: ${first.unscored}` };
  if (!isJudged(second)) return { id, unscored: `the second response: ${second.unscored}` };
  const [a, b] = [first, second].map(({ judgment }) => Number(labelOf({ judgment }) === 'align-p'));
  return { id, preference: 1.5 + (b! - a!) / 2 };
}
