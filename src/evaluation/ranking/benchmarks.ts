// Every ranking benchmark by name, and the numbers of examples that go by a name of their own. Knows which there are.
import type { SettingsOf } from '../../options/table.ts';
import type { evaluateTable } from '../../options/verbs/evaluating.ts';
import { arcChallenge, arcEasy } from './arc.ts';
import type { Benchmark } from './benchmark.ts';
import { hellaswag } from './hellaswag.ts';
import { mmluBenchmarks } from './mmlu.ts';
import { truthfulqaMc1, truthfulqaMc2 } from './truthfulqa.ts';

export const benchmarks: readonly Benchmark[] = [
  arcChallenge,
  arcEasy,
  hellaswag,
  ...mmluBenchmarks,
  truthfulqaMc1,
  truthfulqaMc2,
];

/** Names for several at once. */
export const benchmarkGroups: Readonly<Record<string, readonly string[]>> = {
  truthfulqa: ['truthfulqa_mc1', 'truthfulqa_mc2'],
  paper: ['arc_challenge', 'hellaswag', 'mmlu', 'truthfulqa_mc2'],
};

/** Names for numbers of examples. */
export type Preset = SettingsOf<typeof evaluateTable>['preset'];

/** Examples before each prompt: none, or as arXiv 2312.14591 has them (25, 10, 5, 0). */
export const shotsOf = (preset: Preset, { paperShots }: Benchmark): number =>
  preset === 'paper' ? paperShots : 0;
