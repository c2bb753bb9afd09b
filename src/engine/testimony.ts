// What the compared sequences of a batch are compared with: the words of witnesses, heard before the comparison runs.
// Knows scorers; it does not know what is made of the words.
import type { Comparison } from '../objectives/objective.ts';
import { requireRole, witnessesOf } from './batch-plan.ts';
import type { Job } from './batch-plan.ts';
import type { Sequence, TokenExample } from './engine.ts';
import type { Scorer } from './scoring.ts';

/** For each compared sequence log-probs or distributions, one array a witness. */
export type Testimony = ReadonlyMap<Job, readonly Float32Array[]>;

export interface Witnesses {
  /** `trained`: log-probs of the sequences that this step has run already; they are not run again. */
  testify(
    batch: readonly TokenExample[],
    compared: readonly Job[],
    comparison: Comparison | undefined,
    trained: ReadonlyMap<Job, Float32Array>,
  ): Promise<Testimony>;
}

/** `present` is the model as it is being trained, `initial` the one that training began from. */
export function callWitnesses(present: Scorer, initial: Scorer): Witnesses {
  const recall = remembering(initial);
  return {
    testify: async (batch, compared, comparison, trained) => {
      const testimony = new Map<Job, Float32Array[]>(compared.map((job) => [job, []]));
      if (!comparison || compared.length === 0) return testimony;
      if (comparison.over === 'pairs') {
        const scored = await recall(compared.map(({ sequence }) => sequence));
        compared.forEach((job, i) => testimony.get(job)!.push(scored[i]!));
      }
      const alreadyRun = new Map([...trained].map(([job, logProbs]) => [nameOf(job), logProbs]));
      for (const { role, model: asked } of witnessesOf(comparison)) {
        const sequences = compared.map(({ example }) => requireRole(batch[example]!, role));
        const known = asked === 'present' && comparison.over === 'tokens';
        const own = compared.map(({ example }) =>
          known ? alreadyRun.get(nameOf({ example, role })) : undefined,
        );
        const missing = sequences.filter((_, i) => !own[i]);
        const ask = (): Promise<Float32Array[]> => {
          if (comparison.over === 'distributions')
            return (asked === 'present' ? present : initial).distributions(missing);
          return asked === 'present' ? present.logProbs(missing) : recall(missing);
        };
        const told = await ask();
        let next = 0;
        compared.forEach((job, i) => testimony.get(job)!.push(own[i] ?? told[next++]!));
      }
      if (comparison.over === 'distributions' && comparison.importanceClip !== undefined) {
        const sampled = await recall(compared.map(({ sequence }) => sequence));
        compared.forEach((job, i) => testimony.get(job)!.push(sampled[i]!));
      }
      return testimony;
    },
  };
}

const nameOf = ({ example, role }: Pick<Job, 'example' | 'role'>): string => `${example} ${role}`;

/** What the start of training says never changes, so it is asked once for each sequence. */
function remembering(initial: Scorer): (sequences: readonly Sequence[]) => Promise<Float32Array[]> {
  const remembered = new WeakMap<Sequence, Float32Array>();
  return async (sequences) => {
    const fresh = [...new Set(sequences)].filter((sequence) => !remembered.has(sequence));
    const scored = await initial.logProbs(fresh);
    fresh.forEach((sequence, i) => remembered.set(sequence, scored[i]!));
    return sequences.map((sequence) => remembered.get(sequence)!);
  };
}
