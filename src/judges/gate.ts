// Outcomes only while they are wanted: none after a judge has given up, and none half kept. Knows no judge.

/**
 * Runs `work` with a way of handing outcomes on. When it ends, in whatever way, those under way are waited for, and later
 * ones, of calls that nobody waits for any more, are dropped.
 */
export async function whileWanted<Outcome>(
  onOutcome: (outcome: Outcome) => Promise<void>,
  work: (hand: (outcome: Outcome) => Promise<void>) => Promise<void>,
): Promise<void> {
  const underWay = new Set<Promise<void>>();
  let wanted = true;
  const hand = async (outcome: Outcome): Promise<void> => {
    if (!wanted) return;
    const keeping = onOutcome(outcome);
    underWay.add(keeping);
    try {
      await keeping;
    } finally {
      underWay.delete(keeping);
    }
  };
  try {
    await work(hand);
  } finally {
    wanted = false;
    await Promise.allSettled(underWay);
  }
}
