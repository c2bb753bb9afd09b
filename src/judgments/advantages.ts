// How much better an attempt at an instruction is than others, from what rows say of each: scores, else labels. Knows triplets,
// not what is made of an advantage.
import { promptKey } from '../rows/conversation.ts';
import { mean } from '../statistics/spread.ts';
import { labelOf } from './triplet.ts';
import type { Triplet } from './triplet.ts';

/** The judge's mark from 1 to 10 as a tenth; without one, 1 for a satisfactory response and 0 for another. */
export const rewardOf = (triplet: Pick<Triplet, 'judgment' | 'score'>): number =>
  triplet.score === undefined ? Number(labelOf(triplet) === 'align-p') : triplet.score / 10;

/**
 * The rows with advantages. Of a `response`: its reward minus the mean reward of all responses to its prompt or, where it is
 * the only one, of all rows. Of a `revision`: the reward of the row of the same prompt whose response the revision is, minus
 * the mean reward of the first attempts, which are the responses to that prompt that are no row's revision; absent where the
 * revision has no row of its own. (arXiv 2602.02482)
 */
export function withAdvantages(rows: readonly Triplet[], of: 'response' | 'revision'): Triplet[] {
  const byPrompt = new Map<string, Triplet[]>();
  for (const row of rows) {
    const key = keyOf(row);
    byPrompt.set(key, [...(byPrompt.get(key) ?? []), row]);
  }
  const groups = new Map([...byPrompt].map(([key, group]) => [key, groupOf(group)]));
  const usual = rows.length === 0 ? 0 : mean(rows.map(rewardOf));
  return rows.map((row) => {
    const { alone, all, first, rewards } = groups.get(keyOf(row))!;
    if (of === 'response') return { ...row, advantage: rewardOf(row) - (alone ? usual : all) };
    const { revision } = row;
    const reward = revision === undefined ? undefined : rewards.get(revision.trim());
    if (reward === undefined || first === null) return row;
    return { ...row, advantage: reward - first };
  });
}

const keyOf = (row: Triplet): string => JSON.stringify(promptKey(row));

/** Mean rewards of the responses to one prompt, and the reward of each. */
function groupOf(group: readonly Triplet[]): {
  readonly alone: boolean;
  readonly all: number;
  readonly first: number | null;
  readonly rewards: ReadonlyMap<string, number>;
} {
  const revisions = new Set(group.flatMap(({ revision }) => revision?.trim() ?? []));
  const first = group.filter(({ output }) => !revisions.has(output.trim()));
  return {
    alone: group.length === 1,
    all: mean(group.map(rewardOf)),
    first: first.length === 0 ? null : mean(first.map(rewardOf)),
    rewards: new Map(group.map((row) => [row.output.trim(), rewardOf(row)])),
  };
}
