// CUT on a base model in fewer bits; the paper has no such table.
import type { MethodSettings } from '../experiment.ts';
import type { Suite, SuiteRow } from '../suite.ts';
import { baseRow, offline } from './rows.ts';

const precisions: readonly (readonly [id: string, label: string, settings: MethodSettings])[] = [
  ['float32', 'float32', {}],
  ['int8', 'int8', { baseDtype: 'int8' }],
  ['int4', 'int4', { baseDtype: 'int4' }],
  ['int8-int8', 'int8, arithmetic in int8', { baseDtype: 'int8', baseCompute: 'int8' }],
  ['int4-int8', 'int4, arithmetic in int8', { baseDtype: 'int4', baseCompute: 'int8' }],
];

export const precision: Suite = {
  name: 'precision',
  title: 'What the base weights are stored in and multiplied in',
  about:
    'CUT on a base model whose frozen weights are stored in fewer bits (--base_dtype), and multiplied in whole numbers ' +
    '(--base_compute), in training and in the test alike. The judged answers are those of the model in float32. Differences ' +
    'are to float32.',
  layout: 'list',
  paper: null,
  needsWorld: null,
  rows: [
    baseRow([]),
    ...precisions.map(([id, label, settings]): SuiteRow => ({
      id,
      label,
      against: id === 'float32' ? 'base' : 'float32',
      training: offline('cut', settings),
      part: 'plain',
    })),
  ],
};
