// Which sequences of a batch a step runs, in what order, and with which weights. Pure; runs nothing.
import { WhetstoneError } from '../errors.ts';
import type { Comparison, ExampleSize, ExampleWeights, Role, Witness } from '../objectives/objective.ts';
import type { Sequence, TokenExample } from './engine.ts';
import { responseLength } from './engine.ts';

/** One sequence of the batch and its part in the loss. */
export interface Job {
  /** Position of the example in the batch. */
  readonly example: number;
  readonly role: Role;
  readonly sequence: Sequence;
  /** Of -log p of each of its predicted tokens. */
  readonly likelihood: number;
  /** Of each of its tokens in the comparison, or of its pair; 0 where it is not compared. */
  readonly comparison: number;
  /** Of its tokens, which somebody has marked; undefined where nobody has. */
  readonly marked: readonly boolean[] | undefined;
  /** Of its example; 0 where it has none. */
  readonly advantage: number;
}

export interface BatchPlan {
  /** Sequences that are learned from by likelihood alone; run first, as witnesses may be among them. */
  readonly alone: readonly Job[];
  /** Sequences that are compared, those of one example together: a run must hold all of a group. */
  readonly compared: readonly (readonly Job[])[];
}

export const sizeOf = ({
  rejected,
  sequences,
  advantage,
}: Pick<TokenExample, 'rejected' | 'sequences' | 'advantage'>): ExampleSize => ({
  rejected,
  advantage,
  tokens: Object.fromEntries(
    Object.entries(sequences).map(([role, sequence]) => [role, responseLength(sequence)]),
  ),
});

/** Tokens that a row is said to have: those of its response, or of what stands in its place. */
export function responseTokensOf({ tokens }: ExampleSize): number {
  const { plain, judged, praised, revising, informed, forewarned, preferred, critique, retained } = tokens;
  return (
    plain ?? judged ?? praised ?? revising ?? informed ?? forewarned ?? preferred ?? critique ?? retained ?? 0
  );
}

export function planBatch(
  batch: readonly TokenExample[],
  weights: readonly ExampleWeights[],
  comparison: Comparison | undefined,
): BatchPlan {
  const comparedRoles: readonly Role[] = comparison?.over === 'pairs' ? ['preferred', 'plain'] : ['plain'];
  const alone: Job[] = [];
  const compared: Job[][] = [];
  batch.forEach((row, example) => {
    const { likelihood, comparison: weight } = weights[example]!;
    const job = (role: Role, ofComparison: number): Job => {
      const sequence = requireRole(row, role);
      return {
        example,
        role,
        sequence,
        likelihood: likelihood[role] ?? 0,
        comparison: ofComparison,
        marked: row.marked,
        advantage: row.advantage ?? 0,
      };
    };
    const group = weight > 0 ? comparedRoles : [];
    if (group.length > 0) compared.push(group.map((role) => job(role, weight)));
    for (const [role, share] of Object.entries(likelihood) as [Role, number][]) {
      if (share !== 0 && !group.includes(role)) alone.push(job(role, 0));
    }
  });
  return { alone, compared };
}

/** The example's sequence of a role that the objective asks for. Throws `ENGINE_BATCH` where there is none. */
export function requireRole({ index, sequences }: TokenExample, role: Role): Sequence {
  const sequence = sequences[role];
  if (sequence) return sequence;
  throw new WhetstoneError(
    'ENGINE_BATCH',
    `example ${index} has no sequence "${role}", which the objective uses`,
    {
      hint: `It has ${Object.keys(sequences).join(', ') || 'none'}.`,
    },
  );
}

/** Whose word a comparison takes; for pairs, what the start of training says of both responses. */
export function witnessesOf(comparison: Comparison): readonly Witness[] {
  if (comparison.over === 'tokens') return comparison.witnesses;
  return comparison.over === 'distributions' ? [comparison.witness] : [];
}
