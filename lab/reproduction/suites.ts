// The suites, as data: which rows each table and figure of arXiv 2312.14591 has here. Nothing is run.
import type { MethodSettings } from './experiment.ts';
import type { SuiteMethod } from './methods.ts';
import { pairedResponses, responsesFor, suiteMethods, testedWithPraise, titleOf } from './methods.ts';
import * as paper from './paper.ts';
import { worldModelWidths } from '../world/model.ts';
import type { RowTraining, Suite, SuiteRow } from './suite.ts';

export const suiteNames = [
  'table2',
  'table4',
  'table5',
  'table6',
  'figure4',
  'figure7',
  'precision',
] as const;
export type SuiteName = (typeof suiteNames)[number];

const offline = (method: SuiteMethod, settings?: MethodSettings): RowTraining => ({
  method,
  responses: responsesFor(method),
  ...(settings && { settings }),
});

const baseRow = (figures: readonly (number | null)[]): SuiteRow => ({
  id: 'base',
  label: 'base model',
  against: null,
  training: null,
  part: 'plain',
  paper: figures,
});

const table2: Suite = {
  name: 'table2',
  title: 'Methods that learn from judgments',
  about:
    "Each method is trained on the base model's own greedy answers to the same instructions, judged in words, and " +
    `then answers other instructions greedily. DPO, which needs answers of different scores to one instruction, ` +
    `gets ${pairedResponses} for each (one greedy, the others sampled), so it sees more judged answers than the ` +
    'others. "With praise" is the same model with words of praise in its prompt, as in its training.',
  layout: 'list',
  paper: { columns: paper.table2.columns },
  needsWorld: null,
  rows: [
    baseRow(paper.table2.rows['base']!),
    ...suiteMethods.flatMap((method): SuiteRow[] => {
      const training = offline(method);
      const own = { against: 'base', training } as const;
      const figures = paper.table2.rows[method];
      const plain: SuiteRow = {
        ...own,
        id: method,
        label: titleOf(method),
        part: 'plain',
        ...(figures && { paper: figures }),
      };
      if (!testedWithPraise.has(method)) return [plain];
      const label = `${titleOf(method)}, with praise`;
      return [plain, { ...own, id: `${method}-praised`, label, part: 'praised' }];
    }),
  ],
};

const ablation = (id: string, label: string, settings: MethodSettings): SuiteRow => ({
  id,
  label,
  against: id === 'cut' ? 'base' : 'cut',
  training: offline('cut', settings),
  part: 'plain',
  paper: paper.table4.rows[id]!,
});

const table4: Suite = {
  name: 'table4',
  title: 'What each part of CUT does',
  about:
    "CUT as in table2, and without one of its parts each. Differences are to CUT, and CUT's is to the base model.",
  layout: 'list',
  paper: { columns: paper.table4.columns },
  needsWorld: null,
  rows: [
    baseRow(paper.table4.rows['base']!),
    ablation('cut', 'CUT', {}),
    ablation('without-l1', 'without L1 (Align-N against Misalign)', { l1: false }),
    ablation('without-align-p', 'without Align-P (first part of L2)', { alignP: false }),
    ablation('without-align-n', 'without Align-N (second part of L2)', { alignN: false }),
    ablation('without-detection', 'without token detection', { detection: false }),
    ablation('without-dynamic-weight', 'without dynamic weight', { dynamicWeight: false }),
  ],
};

/** Hidden sizes of the models that come with the project, smallest first. */
export const tableSizes: readonly number[] = [...worldModelWidths].sort((a, b) => a - b);

const table5: Suite = {
  name: 'table5',
  title: 'Model sizes',
  about:
    'Models of three widths, pretrained on the same kind of documents, before and after CUT on their own answers. ' +
    "The paper's column beside each is that of its smallest, middle and largest model.",
  layout: 'list',
  paper: { columns: paper.table5.columns },
  needsWorld: 'it compares the models of the world that come with the project',
  rows: tableSizes.flatMap((hiddenSize, i): SuiteRow[] => {
    const figures = paper.table5.sizes[i]!;
    const id = `base-${hiddenSize}`;
    return [
      {
        id,
        label: `width ${hiddenSize}`,
        against: null,
        hiddenSize,
        training: null,
        part: 'plain',
        paper: figures.base,
      },
      {
        id: `cut-${hiddenSize}`,
        label: `width ${hiddenSize}, CUT`,
        against: id,
        hiddenSize,
        training: offline('cut'),
        part: 'plain',
        paper: figures.cut,
      },
    ];
  }),
};

const onlineRounds = 5;
const onlineMethods: readonly SuiteMethod[] = ['cut', 'dpo', 'ilf-mle', 'likelihood'];

const table6: Suite = {
  name: 'table6',
  title: 'Online rounds',
  about:
    'In each round the present model answers fresh instructions, the judge judges the answers, and training goes on ' +
    'from the adapter of the round before. Round 0 is the base model. CUT keeps at most one satisfactory answer for ' +
    'each unsatisfactory one. Settings are those chosen for offline training.',
  layout: 'grid',
  axis: 'round',
  paper: { columns: paper.table6.columns },
  needsWorld: 'it asks a judge about new answers in every round',
  rows: onlineMethods.flatMap((method) => {
    const change: MethodSettings = method === 'cut' ? { downsample: 1 } : {};
    const rounds = new Array<MethodSettings>(onlineRounds).fill(change);
    const training = { ...offline(method), rounds };
    return Array.from({ length: onlineRounds + 1 }, (_, round): SuiteRow => {
      const figure = method === 'cut' ? paper.table6.cut[round] : undefined;
      return {
        id: `${method}-${round}`,
        label: `${titleOf(method)}, round ${round}`,
        against: round === 0 ? null : `${method}-0`,
        training,
        part: round,
        place: { series: titleOf(method), x: round },
        ...(figure !== undefined && { paper: [figure] }),
      };
    });
  }),
};

const amounts = [1 / 8, 1 / 4, 1 / 2, 1] as const;
const amountSeries: readonly (readonly [id: string, title: string, training: RowTraining])[] = [
  ['cut', `CUT, ${pairedResponses} answers each`, { method: 'cut', responses: pairedResponses }],
  ['dpo', `DPO, ${pairedResponses} answers each`, { method: 'dpo', responses: pairedResponses }],
  ['cut-greedy', 'CUT, the greedy answer alone', { method: 'cut', responses: 1 }],
];

const figure4: Suite = {
  name: 'figure4',
  title: 'CUT against DPO by amount of data',
  about:
    `Both learn from the same ${pairedResponses} answers to each instruction (one greedy, the others sampled, equal ` +
    'ones once): CUT from their judgments, DPO from every pair with different scores. The third line is CUT with ' +
    'the greedy answers alone.',
  layout: 'grid',
  axis: 'share of the training instructions',
  paper: { columns: [], words: paper.inWords.figure4 },
  needsWorld: null,
  rows: [
    baseRow([]),
    ...amountSeries.flatMap(([id, series, training]) =>
      amounts.map((amount): SuiteRow => {
        return {
          id: `${id}-${amount}`,
          label: `${series}, ${100 * amount}%`,
          against: 'base',
          training: { ...training, amount },
          part: 'plain',
          place: { series, x: amount, xLabel: `${100 * amount}%` },
        };
      }),
    ),
  ],
};

const ratios = [0, 0.25, 0.5, 0.75, 1, 1.5, 2, null] as const;

const figure7: Suite = {
  name: 'figure7',
  title: 'Satisfactory examples for each unsatisfactory one',
  about:
    'Two online rounds of CUT: the first the same for all, so that most answers of the second are satisfactory, as ' +
    'in the paper; the second keeps at most so many satisfactory answers for each unsatisfactory one. Differences are to ' +
    'the model after the first round.',
  layout: 'grid',
  axis: 'satisfactory for each unsatisfactory',
  paper: { columns: [], words: paper.inWords.figure7 },
  needsWorld: null,
  rows: [
    { id: 'first', label: 'after the first round', against: null, part: 1, training: ratioTraining(null) },
    ...ratios.map((ratio): SuiteRow => {
      const xLabel = ratio === null ? 'all' : String(ratio);
      return {
        id: `ratio-${xLabel}`,
        label: ratio === null ? 'all of them' : `at most ${xLabel}`,
        against: 'first',
        training: ratioTraining(ratio),
        part: 2,
        place: { series: 'CUT', x: ratio, xLabel },
      };
    }),
  ],
};

function ratioTraining(ratio: number | null): RowTraining {
  return { ...offline('cut'), rounds: [{ downsample: 1 }, { downsample: ratio }] };
}

const precisions: readonly (readonly [id: string, label: string, settings: MethodSettings])[] = [
  ['float32', 'float32', {}],
  ['int8', 'int8', { baseDtype: 'int8' }],
  ['int4', 'int4', { baseDtype: 'int4' }],
  ['int8-int8', 'int8, arithmetic in int8', { baseDtype: 'int8', baseCompute: 'int8' }],
  ['int4-int8', 'int4, arithmetic in int8', { baseDtype: 'int4', baseCompute: 'int8' }],
];

const precision: Suite = {
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

export const suites: Readonly<Record<SuiteName, Suite>> = {
  table2,
  table4,
  table5,
  table6,
  figure4,
  figure7,
  precision,
};

/** Ratios of judged to plain probability at which detection is measured; the default of `align` is 1.2. */
export const detectionLambdas = [1, 1.05, 1.1, 1.2, 1.5, 2, 3, 5] as const;
