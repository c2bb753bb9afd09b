// What rows of several suites have in common.
import type { MethodSettings } from '../experiment.ts';
import type { SuiteMethod } from '../methods.ts';
import { responsesFor } from '../methods.ts';
import type { RowTraining, SuiteRow } from '../suite.ts';

export const offline = (method: SuiteMethod, settings?: MethodSettings): RowTraining => ({
  method,
  responses: responsesFor(method),
  ...(settings && { settings }),
});

/** The model as it is. */
export const baseRow = (figures: readonly (number | null)[] = []): SuiteRow => ({
  id: 'base',
  label: 'base model',
  against: null,
  training: null,
  part: 'plain',
  paper: figures,
});
