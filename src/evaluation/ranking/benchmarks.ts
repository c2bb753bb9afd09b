// Every ranking benchmark by name, and the numbers of examples that go by a name of their own. Knows which there are.
import { WhetstoneError } from '../../errors.ts';
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
const together: Readonly<Record<string, readonly string[]>> = {
  truthfulqa: ['truthfulqa_mc1', 'truthfulqa_mc2'],
  paper: ['arc_challenge', 'hellaswag', 'mmlu', 'truthfulqa_mc2'],
};

/** The names that help and errors show; each subject of MMLU has one, too. */
export const benchmarkNames: readonly string[] = [
  ...benchmarks.map(({ name }) => name).filter((name) => !name.startsWith('mmlu_')),
  ...Object.keys(together),
];

/** Benchmarks by name, each once. Throws WhetstoneError `INVALID_OPTION`. */
export function benchmarksNamed(names: readonly string[]): Benchmark[] {
  const found = names.flatMap((name) =>
    (together[name] ?? [name]).map((each) => {
      const benchmark = benchmarks.find((other) => other.name === each);
      if (benchmark) return benchmark;
      throw new WhetstoneError('INVALID_OPTION', `there is no task ${JSON.stringify(name)}`, {
        hint: `Tasks: ${benchmarkNames.join(', ')}; groups and subjects of MMLU such as mmlu_stem and mmlu_virology.`,
      });
    }),
  );
  return [...new Set(found)];
}

export const presets = ['0-shot', 'paper'] as const;
export type Preset = (typeof presets)[number];

/** Examples before each prompt: none, or as arXiv 2312.14591 has them (25, 10, 5, 0). */
export const shotsOf = (preset: Preset, { paperShots }: Benchmark): number =>
  preset === 'paper' ? paperShots : 0;
