// What `whetstone reproduce tune` chose on the development split, for each number of training instructions that it was
// run with.
import type { MethodSettings } from './experiment.ts';
import type { SuiteMethod } from './methods.ts';
import { tuned as at20 } from './tuned-20.ts';
import { tuned as at60 } from './tuned-60.ts';
import { tuned as at125 } from './tuned-125.ts';
import { tuned as at250 } from './tuned-250.ts';

export interface Tuned {
  /** Where the choice comes from, for the tables' notes. */
  readonly source: string;
  readonly methods: Readonly<Record<SuiteMethod, MethodSettings>>;
}

/** By number of training instructions. */
export const tunedAt: Readonly<Record<number, Tuned>> = { 20: at20, 60: at60, 125: at125, 250: at250 };

/** What was chosen at the number of training instructions that is nearest by ratio, the larger of two equally near. */
export function tunedFor(train: number): Tuned {
  const sizes = Object.keys(tunedAt).map(Number);
  const distance = (size: number): number => Math.abs(Math.log(size / train));
  const nearest = sizes.reduce((a, b) => (distance(b) <= distance(a) ? b : a));
  return tunedAt[nearest]!;
}
