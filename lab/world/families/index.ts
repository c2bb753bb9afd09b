// All instruction families, in the order in which reports list them.
import type { Family } from '../family.ts';
import { capital } from './capital.ts';
import { convert } from './convert.ts';
import { members } from './members.ts';
import { multiply } from './multiply.ts';
import { opposite } from './opposite.ts';
import { pastTense } from './past-tense.ts';
import { repeat } from './repeat.ts';
import { sort } from './sort.ts';
import { subtract } from './subtract.ts';
import { town } from './town.ts';

export const families: readonly Family[] = [
  capital,
  town,
  opposite,
  pastTense,
  members,
  repeat,
  sort,
  subtract,
  multiply,
  convert,
];
