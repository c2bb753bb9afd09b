// Optimizer steps of a model that the worker holds. The objective is computed here, over log-probs; the worker has the
// model's passes, the gradient and AdamW.
import { WhetstoneError } from '../../errors.ts';
import type { Objective } from '../../objectives/objective.ts';
import type { Job } from '../batch-plan.ts';
import { planBatch, requireRole, sizeOf } from '../batch-plan.ts';
import type { ComparisonGraph } from '../comparison-graph.ts';
import { compileComparison } from '../comparison-graph.ts';
import type { Engine, TokenExample, TrainingState } from '../engine.ts';
import { responseLength } from '../engine.ts';
import { requireTrainable } from '../sequence-check.ts';
import type { Testimony } from '../testimony.ts';
import { callWitnesses } from '../testimony.ts';
import {
  clippingScale,
  metricsOf,
  requireFinite,
  requireSomethingToTrain,
  requireState,
} from '../trainer.ts';
import type { LossSums } from '../training-step.ts';
import { addLosses, roleStream } from '../training-step.ts';
import type { Frame } from './frames.ts';
import { broken, flat, floatsOf } from './frames.ts';
import type { RemoteModel } from './remote-model.ts';
import { getValues, putValues } from './remote-model.ts';
import { pack, remoteScorer } from './sequences.ts';

export interface RemoteTrainer {
  readonly step: Engine['step'];
  /** Of the last step before clipping, flat. */
  readonly gradient: () => Promise<Float32Array>;
  readonly state: () => Promise<TrainingState>;
  /** Throws `ENGINE_STATE` for the state of another model. */
  readonly restore: (state: TrainingState) => Promise<void>;
  release(): Promise<void>;
}

export function openRemoteTrainer(model: RemoteModel, seed: number): RemoteTrainer {
  const { worker, layout, about } = model;
  const limits = { vocabSize: about.vocab_size, maxPositions: about.max_positions };
  const witnesses = callWitnesses(remoteScorer(model, 'present'), remoteScorer(model, 'initial'));
  const graphs = comparisonGraphs();
  let steps = 0;

  const keyed = (jobs: readonly Job[]): ReturnType<typeof pack> =>
    pack(
      jobs.map(({ example, role, sequence }) => ({
        sequence,
        key: [seed, steps, example, roleStream[role]],
      })),
      model.rowsOf,
    );

  /** Sequences that are learned from by likelihood alone: the slope of the loss is known before they are run. */
  const learn = async (jobs: readonly Job[], total: LossSums): Promise<Map<Job, Float32Array>> => {
    if (jobs.length === 0) return new Map();
    const { fields, tensors } = keyed(jobs);
    const coefficients = perToken(jobs, ({ likelihood }) => -likelihood);
    const answer = await worker.ask('learn', fields, { ...tensors, coefficients: flat(coefficients) });
    return new Map(addLosses(total, jobs, { logprobs: floatsOf(answer, 'log_probs') }));
  };

  /** Compared sequences, a round at a time: the worker keeps their passes until it hears the slopes. */
  const compare = async (
    groups: readonly (readonly Job[])[],
    { objective, testimony, total }: { objective: Objective; testimony: Testimony; total: LossSums },
  ): Promise<void> => {
    const jobs = groups.flat();
    if (jobs.length === 0) return;
    const graph = await graphs.graphFor(objective);
    const { fields, tensors } = keyed(jobs);
    let next = 0;
    const rowsOfGroups = groups.map((group) => group.map(() => next++));
    let answer = await worker.ask('compare', { ...fields, groups: rowsOfGroups }, tensors);
    while (answer.op === 'round') {
      const own = roundOf(answer, jobs);
      const logprobs = floatsOf(answer, 'log_probs');
      const outputs = await graph.run(own, logprobs, testimony, steps);
      addLosses(total, own, { ...outputs, logprobs });
      answer = await worker.ask('coefficients', {}, { coefficients: flat(outputs.slope!) });
    }
  };

  /** Comparisons over distributions, which are too large to be sent: the worker has them by name. */
  const distill = async (
    batch: readonly TokenExample[],
    jobs: readonly Job[],
    objective: Objective,
    total: LossSums,
  ): Promise<void> => {
    const { comparison } = objective;
    if (jobs.length === 0 || comparison?.over !== 'distributions') return;
    if (comparison.divergence === undefined) {
      throw new WhetstoneError(
        'ENGINE_OBJECTIVE',
        `the objective "${objective.name}" compares whole distributions by a formula of its own`,
        { hint: 'The engine torch knows those of self-distillation; take the engine onnx for others.' },
      );
    }
    const { role, model: asked } = comparison.witness;
    const teachers = jobs.map((job) => ({ ...job, sequence: requireRole(batch[job.example]!, role) }));
    const { fields, tensors } = keyed([...jobs, ...teachers]);
    const answer = await worker.ask(
      'distill',
      {
        ...fields,
        divergence: comparison.divergence,
        settings: comparison.divergenceSettings ?? {},
        importance_clip: comparison.importanceClip ?? null,
        model: asked,
      },
      { ...tensors, weights: flat(perToken(jobs, (job) => job.comparison)) },
    );
    const logprobs = floatsOf(answer, 'log_probs');
    addLosses(total, jobs, { logprobs, comparison: floatsOf(answer, 'losses') });
  };

  return {
    step: async (batch, objective, settings) => {
      requireSomethingToTrain(layout.total, batch);
      for (const example of batch) requireTrainable(example, limits);
      const { comparison } = objective;
      const plan = planBatch(batch, objective.weigh(batch.map(sizeOf)), comparison);
      const total: LossSums = { likelihood: 0, comparison: 0, flaggedTokens: 0, comparedTokens: 0 };
      await worker.ask('begin');
      const trained = await learn(plan.alone, total);
      if (comparison?.over === 'distributions') {
        await distill(batch, plan.compared.flat(), objective, total);
      } else {
        const testimony = await witnesses.testify(batch, plan.compared.flat(), comparison, trained);
        await compare(plan.compared, { objective, testimony, total });
      }
      const norm = (await worker.ask('norm')).fields.norm;
      const gradNorm = typeof norm === 'number' ? norm : NaN;
      requireFinite(total, gradNorm);
      await worker.ask('update', {
        learning_rate: settings.learningRate,
        beta1: settings.beta1,
        beta2: settings.beta2,
        epsilon: settings.epsilon,
        weight_decay: settings.weightDecay,
        scale: clippingScale(gradNorm, settings.maxGradNorm),
      });
      steps++;
      return metricsOf(batch, objective, total, gradNorm);
    },
    gradient: () => getValues(worker, 'gradient', layout.total),
    state: async () => ({
      parameters: await getValues(worker, 'parameters', layout.total),
      firstMoment: await getValues(worker, 'first_moment', layout.total),
      secondMoment: await getValues(worker, 'second_moment', layout.total),
      step: steps,
    }),
    restore: async (state) => {
      requireState(state, layout.total);
      await putValues(worker, 'parameters', state.parameters);
      await putValues(worker, 'first_moment', state.firstMoment);
      await putValues(worker, 'second_moment', state.secondMoment);
      await worker.ask('set_step', { step: state.step });
      steps = state.step;
    },
    release: () => graphs.release(),
  };
}

/** The jobs of a round, in the order of their log-probs. */
function roundOf({ fields }: Frame, jobs: readonly Job[]): Job[] {
  const { rows } = fields;
  const known = Array.isArray(rows) ? rows.map((row: unknown) => jobs[row as number]) : [];
  if (known.length > 0 && known.every((job) => job !== undefined)) return known;
  throw broken('a round names sequences that were not asked for');
}

function perToken(jobs: readonly Job[], valueOf: (job: Job) => number): Float32Array {
  const values = new Float32Array(jobs.reduce((sum, { sequence }) => sum + responseLength(sequence), 0));
  let start = 0;
  for (const job of jobs) values.fill(valueOf(job), start, (start += responseLength(job.sequence)));
  return values;
}

/** The compiled comparison of the last objective. */
function comparisonGraphs(): {
  graphFor(objective: Objective): Promise<ComparisonGraph>;
  release(): Promise<void>;
} {
  let compiled: { readonly objective: Objective; readonly graph: ComparisonGraph } | null = null;
  const release = async (): Promise<void> => {
    await compiled?.graph.release();
    compiled = null;
  };
  return {
    graphFor: async (objective) => {
      if (compiled?.objective === objective) return compiled.graph;
      await release();
      const graph = await compileComparison(objective);
      compiled = { objective, graph };
      return graph;
    },
    release,
  };
}
