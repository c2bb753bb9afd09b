// Everything that `reproduce` makes, by name, with what it is in a few words. Imports nothing, so that the command line
// can offer it without loading the rest.

export const reproductions = {
  table2: 'every method that learns from judgments',
  judgments: 'every method by number of judgments',
  table4: 'CUT without one of its parts each',
  ablations: 'the same where it could show: a poor reader of judgments, a model that is good already',
  table5: 'CUT on models of three sizes',
  table6: "online rounds of four methods, and of CUT by the paper's recipe",
  figure4: 'CUT against DPO by amount of data',
  figure7: 'how many satisfactory examples CUT should keep',
  'figure-3': "how much CUT's settings matter",
  marks: 'errors that are marked in the place of those that a judgment flags',
  'ai-judge': 'judges made from the model, trained on 500 to 3000 judgments, in online rounds',
  'model-agnostic': "judgments of one's own answers and of another model's",
  'warm-start': 'CUT on the base model and on one that was taught to answer',
  'generalist-specialist': 'one kind of instruction, judged by ROUGE, and all kinds',
  ranking: 'right and wrong answers ranked by likelihood, beside answers given',
  precision: 'CUT on a base in 8 and 4 bits, and with arithmetic in int8',
  detection: 'the flagged tokens against the true errors',
  'detection-ways': 'five ways to find the tokens that a judgment is about',
  tune: "chooses each method's settings on the development split",
} as const;

export type ReproductionName = keyof typeof reproductions;
export type SuiteName = Exclude<ReproductionName, 'detection' | 'detection-ways' | 'tune'>;

export const reproductionNames: readonly ReproductionName[] = Object.keys(
  reproductions,
) as ReproductionName[];
/** All but the choice of settings. */
export type SuiteOrTable = Exclude<ReproductionName, 'tune'>;
export const suiteNames: readonly SuiteName[] = reproductionNames.filter(
  (name): name is SuiteName => name !== 'detection' && name !== 'detection-ways' && name !== 'tune',
);
