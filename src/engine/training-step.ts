// The gradient of one batch: runs its sequences in the order that the objective's comparison needs, and adds up
// gradients and losses. Knows nothing of optimizers.
import type { Objective, Role } from '../objectives/objective.ts';
import { createRandom } from '../random.ts';
import { compileForRows } from './arithmetic.ts';
import type { Arrangement } from './arrangement.ts';
import { arrangementFor, intoRuns } from './arrangement.ts';
import type { BatchPlan, Job } from './batch-plan.ts';
import { planBatch, sizeOf } from './batch-plan.ts';
import type { MaskSource } from './dropout.ts';
import { maskSource } from './dropout.ts';
import type { TokenExample } from './engine.ts';
import { responseLength } from './engine.ts';
import { lossFeeds } from './loss-feeds.ts';
import { lossScales } from './loss-scale.ts';
import type { EngineModel } from './model.ts';
import { views } from './parameters.ts';
import type { Scorer } from './scoring.ts';
import type { Session } from './session.ts';
import { feeds, traceStep } from './step-graph.ts';
import type { Testimony } from './testimony.ts';
import { callWitnesses } from './testimony.ts';
import { addInto, l2Norm, sumOf } from './vectors.ts';

/** Sums over a batch. Losses in nats. */
export interface BatchLoss {
  readonly likelihood: number;
  readonly comparison: number;
  readonly flaggedTokens: number;
  readonly comparedTokens: number;
  /** Where values are kept in halves: the scale of the loss at which no gradient overflowed. */
  readonly lossScale?: number;
}

export interface StepRunner {
  /** Fills the gradient with the batch's and returns its loss. `step` and the seed name the dropout masks. */
  run(batch: readonly TokenExample[], objective: Objective, step: number): Promise<BatchLoss>;
  release(): Promise<void>;
}

export interface StepSettings {
  /** The model as it is being trained, and the one that training began from. */
  readonly present: Scorer;
  readonly initial: Scorer;
  readonly seed: number;
  /** Prefix of ONNX Runtime's profile. */
  readonly profile: string | undefined;
}

/** Dropout streams are named by a sequence's role; a number stays with its role. */
export const roleStream: Readonly<Record<Role, number>> = {
  plain: 0,
  judged: 1,
  praised: 2,
  revising: 3,
  critique: 4,
  preferred: 5,
  informed: 6,
  forewarned: 7,
  retained: 8,
};

/** `gradient` is flat, of the layout's size. */
export function openStepRunner(
  model: EngineModel,
  gradient: Float32Array,
  { present, initial, seed, profile }: StepSettings,
): StepRunner {
  const runGradient = new Float32Array(model.layout.total);
  const gradientFeeds = views(model.layout, runGradient, 'grad.');
  const graphs = stepGraphs(model, profile);
  const halves = model.checkpoint.computeDtype === 'float16';
  const witnesses = callWitnesses(present, initial);

  /** Gradients and losses of some sequences, a run at a time; returns each one's log-probs. */
  const runJobs = async (
    groups: readonly (readonly Job[])[],
    { objective, step, total, testimony, lossScale }: Pass,
  ): Promise<Map<Job, Float32Array>> => {
    const results = new Map<Job, Float32Array>();
    if (groups.length === 0) return results;
    const largest = Math.max(...groups.map((group) => group.length));
    const { session, masks, arrangement } = await graphs.graphFor(objective, largest);
    for (const jobs of intoRuns(groups, arrangement, ({ sequence }) => sequence)) {
      const outputs = await session.run(
        {
          ...model.parameters,
          ...arrangement.feeds(jobs.map(({ sequence }) => sequence)),
          ...masks(
            jobs.map(({ example, role, sequence }) => ({
              rows: arrangement.rowsOf(sequence),
              outputs: responseLength(sequence),
              random: createRandom(seed, step, example, roleStream[role]),
            })),
          ),
          ...lossFeeds(jobs, objective.comparison, testimony, { vocabSize: model.config.vocabSize, step }),
          ...(halves && { [feeds.lossScale]: { data: Float32Array.of(lossScale), dims: [] } }),
        },
        gradientFeeds,
      );
      addInto(gradient, runGradient);
      for (const [job, logProbs] of addLosses(total, jobs, outputs)) results.set(job, logProbs);
    }
    return results;
  };

  const runPlan = async (
    batch: readonly TokenExample[],
    plan: BatchPlan,
    settings: Pick<Pass, 'objective' | 'step' | 'lossScale'>,
  ): Promise<BatchLoss> => {
    const { comparison } = settings.objective;
    const pass = {
      ...settings,
      total: { likelihood: 0, comparison: 0, flaggedTokens: 0, comparedTokens: 0 },
    };
    gradient.fill(0);
    const alone = plan.alone.map((job) => [job]);
    const trained = await runJobs(alone, { ...pass, testimony: new Map() });
    const testimony = await witnesses.testify(batch, plan.compared.flat(), comparison, trained);
    await runJobs(plan.compared, { ...pass, testimony });
    return pass.total;
  };

  return {
    run: async (batch, objective, step) => {
      const plan = planBatch(batch, objective.weigh(batch.map(sizeOf)), objective.comparison);
      if (!halves) return runPlan(batch, plan, { objective, step, lossScale: 1 });
      const [first, ...others] = lossScales(plan);
      let lossScale = first!;
      let sums = await runPlan(batch, plan, { objective, step, lossScale });
      for (const smaller of others) {
        const isLost = !Number.isFinite(sums.likelihood + sums.comparison);
        if (isLost || Number.isFinite(l2Norm(gradient))) break;
        lossScale = smaller;
        sums = await runPlan(batch, plan, { objective, step, lossScale });
      }
      return { ...sums, lossScale };
    },
    release: () => graphs.release(),
  };
}

/** Losses of a batch that is under way. */
export type LossSums = { -readonly [K in keyof BatchLoss]: number };

/** Sequences of a step that are run one after the other, and what their losses are added to. */
interface Pass {
  readonly objective: Objective;
  readonly step: number;
  readonly total: LossSums;
  readonly testimony: Testimony;
  readonly lossScale: number;
}

/** Adds a run's outputs to the batch's sums; returns each sequence's log-probs. */
export function addLosses(
  total: LossSums,
  jobs: readonly Job[],
  { logprobs, flagged, comparison }: Readonly<Record<string, Float32Array>>,
): [Job, Float32Array][] {
  let start = 0;
  const results = jobs.map((job): [Job, Float32Array] => {
    const end = start + responseLength(job.sequence);
    const own = logprobs!.subarray(start, end);
    if (job.likelihood !== 0) total.likelihood -= job.likelihood * sumOf(own);
    if (job.comparison > 0 && flagged) {
      total.flaggedTokens += sumOf(flagged.subarray(start, end));
      total.comparedTokens += end - start;
    }
    start = end;
    return [job, own];
  });
  if (comparison && jobs.some((job) => job.comparison > 0)) total.comparison += sumOf(comparison);
  return results;
}

interface StepGraph {
  readonly session: Session;
  readonly masks: MaskSource;
  readonly arrangement: Arrangement;
}

interface StepGraphs {
  /** The compiled step for runs of so many sequences. */
  graphFor(objective: Objective, sequences: number): Promise<StepGraph>;
  release(): Promise<void>;
}

/** Compiled when first asked for; those of one objective are kept, until another comes. */
function stepGraphs(model: EngineModel, profile: string | undefined): StepGraphs {
  const { trainable, wholeBatches } = model;
  let compiled: { objective: Objective; bySize: Map<number, StepGraph> } | null = null;

  const release = async (): Promise<void> => {
    const former = compiled;
    compiled = null;
    for (const { session } of former?.bySize.values() ?? []) await session.release();
  };

  return {
    graphFor: async (objective, sequences) => {
      if (compiled?.objective !== objective) {
        await release();
        compiled = { objective, bySize: new Map() };
      }
      const arrangement = arrangementFor(wholeBatches, sequences);
      const size = arrangement.sequences === 'any' ? 0 : arrangement.sequences;
      const known = compiled.bySize.get(size);
      if (known) return known;
      const { outputs, weights } = traceStep({ ...model, arrangement }, objective);
      const session = await compileForRows(model, outputs, { prepack: model.prepack, profile });
      const graph = { session, masks: maskSource(weights, trainable), arrangement };
      compiled.bySize.set(size, graph);
      return graph;
    },
    release,
  };
}
