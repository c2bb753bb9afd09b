// The settings that the suites train with: those fixed for every method, and the grid that `tune` chooses from.
// What it chose is tuned.ts.
import { defaultSettings as usual } from '../../src/alignment/settings.ts';
import type { MethodSettings } from './experiment.ts';
import type { SuiteMethod } from './methods.ts';
import { tuned } from './tuned.ts';

/**
 * The same for every method of the world: LoRA and batch of arXiv 2312.14591, whose 100 warm-up steps would not
 * end within a run of 125, hence a tenth of the run. The template's longest prompts have about 120 tokens.
 */
export const fixedSettings: MethodSettings = {
  loraR: usual.loraR,
  loraAlpha: usual.loraAlpha,
  loraDropout: usual.loraDropout,
  loraTargetModules: usual.loraTargetModules,
  batchSize: usual.batchSize,
  epochs: usual.epochs,
  lrSchedulerType: usual.lrSchedulerType,
  warmupSteps: 0.1,
  cutoffLen: 512,
};

/** What a method needs besides: revisions of the world are as short as its answers. */
const methodSettings: Readonly<Partial<Record<SuiteMethod, MethodSettings>>> = {
  'ilf-mle': { revisionMaxNewTokens: 96 },
  'ilf-dpo': { revisionMaxNewTokens: 96 },
};

/** Every method is tried with each of these learning rates and each of four values of a knob of its own. */
export const learningRates = [2e-3, 4e-3, 8e-3] as const;

const epochs: readonly MethodSettings[] = [1, 2, 3, 4].map((count) => ({ epochs: count }));
const withEpochs = (knob: readonly MethodSettings[]): MethodSettings[] =>
  knob.flatMap((own) => [1, 2].map((count) => ({ ...own, epochs: count })));
const lambdas = withEpochs([{ lambda: 1.1 }, { lambda: 1.2 }]);
const betas = withEpochs([{ beta: 0.1 }, { beta: 0.3 }]);

/** A method's own knob with the number of epochs, or more numbers of epochs where it has none: four settings. */
export const knobs: Readonly<Record<SuiteMethod, readonly MethodSettings[]>> = {
  'forward-prediction': epochs,
  hindsight: epochs,
  likelihood: epochs,
  'feedback-conditional': epochs,
  critique: epochs,
  'ilf-mle': epochs,
  'ilf-dpo': betas,
  dpo: betas,
  'self-distillation': withEpochs([{ form: 'sampled' }, { form: 'full', divergence: 'reverse-kl' }]),
  'dual-cut': lambdas,
  cut: lambdas,
};

/** The twelve points of a method's grid, the same number for every method. */
export function gridOf(method: SuiteMethod): MethodSettings[] {
  return knobs[method].flatMap((knob) => learningRates.map((learningRate) => ({ ...knob, learningRate })));
}

/** What a method is trained with: fixed settings, what `tune` chose for it, then the row's own. */
export function settingsOf(method: SuiteMethod, own: MethodSettings = {}): MethodSettings {
  return { ...fixedSettings, ...methodSettings[method], ...tuned.methods[method], ...own, method };
}
