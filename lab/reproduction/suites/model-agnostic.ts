// Judgments of a model's own answers against judgments of another model's.
import { ahead } from '../claims.ts';
import type { Suite, SuiteRow } from '../suite.ts';
import { offline } from './rows.ts';

const sizes = [64, 128] as const;
const train = 20;

export const modelAgnostic: Suite = {
  name: 'model-agnostic',
  title: "Judgments of one's own answers, or of another model's",
  about:
    `CUT on ${train} instructions for two models of the world, of width ${sizes.join(' and ')}: each trained on judgments of its ` +
    "own greedy answers (model-specific), and on judgments of the other's (model-agnostic).",
  layout: 'list',
  paper: null,
  needsWorld: 'it compares the models of the world that come with the project',
  rows: sizes.flatMap((hiddenSize, i): SuiteRow[] => {
    const other = sizes[1 - i]!;
    const own = { base: hiddenSize, part: 'plain' } as const;
    const base = `base-${hiddenSize}`;
    return [
      { ...own, id: base, label: `width ${hiddenSize}`, against: null, training: null },
      {
        ...own,
        id: `own-${hiddenSize}`,
        label: `width ${hiddenSize}, its own answers`,
        against: base,
        training: { ...offline('cut'), train },
      },
      {
        ...own,
        id: `other-${hiddenSize}`,
        label: `width ${hiddenSize}, answers of width ${other}`,
        against: base,
        training: { ...offline('cut'), train, answersOf: other },
      },
    ];
  }),
  claims: (evidence) =>
    sizes.flatMap((size) => [
      ahead(
        evidence,
        { claim: `Judgments of another model's answers help (width ${size}).`, source: 'Table 2' },
        `other-${size}`,
        [`base-${size}`],
      ),
      ahead(
        evidence,
        {
          claim: `Judgments of one's own answers help more (width ${size}).`,
          source: 'model-specific judgments',
        },
        `own-${size}`,
        [`other-${size}`],
      ),
    ]),
};
