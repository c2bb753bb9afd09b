// The Alpaca-style rows of the released code of arXiv 2312.14591 (github wwxu21/CUT).
import { convertRow } from './canonical.ts';
import { hasAll } from './layout.ts';
import type { Layout } from './layout.ts';

/**
 * Online rounds (data/iter): id, instruction, input, output, judgment; judgment null = satisfactory.
 * Offline data (written by scripts/convert2alpaca.py): also i_ans (an improved answer), score, reason, ref;
 * input is null. `i_ans` becomes the revision; `reason` and `ref` are not used.
 */
export const alpaca: Layout = {
  name: 'alpaca',
  columns: 'instruction, output, judgment with id and input, or with i_ans',
  conversations: true,
  matches: (columns) =>
    hasAll(columns, 'instruction', 'output', 'judgment') &&
    !columns.has('revision') &&
    (columns.has('i_ans') || hasAll(columns, 'id', 'input')),
  convert: (row, reader) => [convertRow(row, reader, 'i_ans')],
};
