// The paper's Table 5: CUT on models of several sizes.
import { worldModelWidths } from '../../world/model.ts';
import { ahead } from '../claims.ts';
import * as paper from '../paper.ts';
import type { Suite, SuiteRow } from '../suite.ts';
import { offline } from './rows.ts';

/** Hidden sizes of the models that come with the project, smallest first. */
export const tableSizes: readonly number[] = [...worldModelWidths].sort((a, b) => a - b);

export const table5: Suite = {
  name: 'table5',
  title: 'Model sizes',
  about:
    'Models of three widths, pretrained on the same kind of documents, before and after CUT on their own answers. ' +
    "The paper's column beside each is that of its smallest, middle and largest model.",
  layout: 'list',
  paper: { columns: paper.table5.columns },
  needsWorld: 'it compares the models of the world that come with the project',
  claims: (evidence) =>
    tableSizes.map((size) =>
      ahead(
        evidence,
        { claim: `CUT improves the model of width ${size}.`, source: 'Table 5' },
        `cut-${size}`,
        [`base-${size}`],
      ),
    ),
  rows: tableSizes.flatMap((hiddenSize, i): SuiteRow[] => {
    const figures = paper.table5.sizes[i]!;
    const id = `base-${hiddenSize}`;
    return [
      {
        id,
        label: `width ${hiddenSize}`,
        against: null,
        base: hiddenSize,
        training: null,
        part: 'plain',
        paper: figures.base,
      },
      {
        id: `cut-${hiddenSize}`,
        label: `width ${hiddenSize}, CUT`,
        against: id,
        base: hiddenSize,
        training: offline('cut'),
        part: 'plain',
        paper: figures.cut,
      },
    ];
  }),
};
