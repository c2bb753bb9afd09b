// The inputs of a step's graph that say how much each token counts and what it is compared with. Knows jobs and
// testimony; the graph that reads them is step-graph.ts.
import type { Comparison } from '../objectives/objective.ts';
import type { Job } from './batch-plan.ts';
import { witnessesOf } from './batch-plan.ts';
import { responseLength } from './engine.ts';
import type { Feed } from './session.ts';
import { feeds } from './step-graph.ts';
import type { Testimony } from './testimony.ts';
import { sumOf } from './vectors.ts';

/** Weights and witnesses of a run's tokens, as far as its graph asks for them. `step` counts from 0. */
export function lossFeeds(
  jobs: readonly Job[],
  comparison: Comparison | undefined,
  testimony: Testimony,
  { vocabSize, step }: { readonly vocabSize: number; readonly step: number },
): Record<string, Feed> {
  const outputs = jobs.reduce((sum, { sequence }) => sum + responseLength(sequence), 0);
  const perToken = (valueOf: (job: Job) => number): Feed => {
    const data = new Float32Array(outputs);
    let start = 0;
    for (const job of jobs) data.fill(valueOf(job), start, (start += responseLength(job.sequence)));
    return { data, dims: [outputs] };
  };
  const likelihood = { [feeds.likelihoodWeight]: perToken((job) => job.likelihood) };
  if (!comparison) return likelihood;
  if (comparison.over === 'pairs') return { ...likelihood, ...pairFeeds(jobs, outputs, testimony) };
  const row = comparison.over === 'tokens' ? [] : [vocabSize];
  const width = row[0] ?? 1;
  const told = (i: number, width: number): Float32Array => {
    const data = new Float32Array(outputs * width);
    let start = 0;
    for (const job of jobs) {
      const values = testimony.get(job)?.[i];
      if (values) data.set(values, start);
      start += responseLength(job.sequence) * width;
    }
    return data;
  };
  const asked = witnessesOf(comparison).length;
  const witnesses = Array.from(
    { length: asked },
    (_, i) => [feeds.witness(i), { data: told(i, width), dims: [outputs, ...row] }] as const,
  );
  return {
    ...likelihood,
    [feeds.comparisonWeight]: perToken((job) => job.comparison),
    ...Object.fromEntries(witnesses),
    ...(comparison.over === 'distributions' &&
      comparison.importanceClip !== undefined && {
        [feeds.sampled]: { data: told(asked, 1), dims: [outputs] },
      }),
    ...(comparison.over === 'tokens' &&
      comparison.marks === true && { [feeds.marks]: marksOf(jobs, outputs) }),
    ...(comparison.over === 'tokens' &&
      comparison.advantages === true && { [feeds.advantages]: perToken((job) => job.advantage) }),
    ...(comparison.over === 'tokens' &&
      comparison.schedule && {
        [feeds.scheduled]: { data: Float32Array.of(comparison.schedule(step)), dims: [] },
      }),
  };
}

/** What `TokenComparison.compare` takes. */
function marksOf(jobs: readonly Job[], outputs: number): Feed {
  const data = new Float32Array(outputs);
  let start = 0;
  for (const { sequence, marked, comparison } of jobs) {
    if (comparison > 0) marked?.forEach((isMarked, i) => (data[start + i] = isMarked ? 1 : -1));
    start += responseLength(sequence);
  }
  return { data, dims: [outputs] };
}

/** Pairs are neighbours, the preferred response first. A run without one holds a pair of nothing, of weight 0. */
function pairFeeds(jobs: readonly Job[], outputs: number, testimony: Testimony): Record<string, Feed> {
  const pairs = jobs.filter(({ comparison, role }) => comparison > 0 && role === 'preferred');
  const count = Math.max(pairs.length, 1);
  const members = { preferred: new Float32Array(count * outputs), plain: new Float32Array(count * outputs) };
  const references = { preferred: new Float32Array(count), plain: new Float32Array(count) };
  const weights = new Float32Array(count);
  let [start, pair] = [0, -1];
  for (const job of jobs) {
    const end = start + responseLength(job.sequence);
    if (job.comparison > 0) {
      const side = job.role === 'preferred' ? 'preferred' : 'plain';
      if (side === 'preferred') weights[++pair] = job.comparison;
      members[side].fill(1, pair * outputs + start, pair * outputs + end);
      references[side][pair] = sumOf(testimony.get(job)![0]!);
    }
    start = end;
  }
  return {
    [feeds.preferredOf]: { data: members.preferred, dims: [count, outputs] },
    [feeds.plainOf]: { data: members.plain, dims: [count, outputs] },
    [feeds.preferredReference]: { data: references.preferred, dims: [count] },
    [feeds.plainReference]: { data: references.plain, dims: [count] },
    [feeds.comparisonWeight]: { data: weights, dims: [count] },
  };
}
