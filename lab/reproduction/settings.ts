// The settings that the suites train with: those fixed for every method, and the grid that `tune` chooses from.
// What it chose is tuned.ts.
import { defaultSettings as usual } from '../../src/alignment/settings.ts';
import type { MethodSettings } from './experiment.ts';
import type { SuiteMethod } from './methods.ts';
import { tunedFor } from './tuned.ts';

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

/**
 * Up to this many training instructions a run is so short that its length is what matters: there every method is tried
 * with four numbers of epochs, and learning rates are higher. Above, it is tried with four values of its own knob.
 */
const fewInstructions = 125;

/** Learning rates that every method is tried with. */
export const learningRatesAt = (train: number): readonly number[] =>
  train > fewInstructions ? [2e-3, 4e-3, 8e-3] : [4e-3, 8e-3, 16e-3];

const epochs: readonly MethodSettings[] = [1, 2, 3, 4].map((count) => ({ epochs: count }));
const withEpochs = (knob: readonly MethodSettings[]): MethodSettings[] =>
  knob.flatMap((own) => [1, 2].map((count) => ({ ...own, epochs: count })));
const lambdas = withEpochs([{ lambda: 1.1 }, { lambda: 1.2 }]);
const betas = withEpochs([{ beta: 0.1 }, { beta: 0.3 }]);

/** A method's own knob with the number of epochs, or more numbers of epochs where it has none: four settings. */
const ownKnobs: Readonly<Record<SuiteMethod, readonly MethodSettings[]>> = {
  'forward-prediction': epochs,
  hindsight: epochs,
  likelihood: epochs,
  'feedback-conditional': epochs,
  critique: epochs,
  'ilf-mle': epochs,
  'ilf-dpo': betas,
  dpo: betas,
  'self-distillation': withEpochs([{ form: 'sampled' }, { form: 'full', divergence: 'reverse-kl' }]),
  'user-interactions': withEpochs([{ beta: 0 }, { beta: 0.1 }]),
  'dual-cut': lambdas,
  cut: lambdas,
};

/**
 * Four settings that every learning rate is tried with. With few instructions: about 16, 32, 64 and 128 steps of eight
 * rows, in whole epochs, with the knob that was chosen for many.
 */
export function knobsAt(method: SuiteMethod, train: number): readonly MethodSettings[] {
  if (train > fewInstructions) return ownKnobs[method];
  const { learningRate: _, ...own } = tunedFor(250).methods[method];
  const shortest = Math.max(1, Math.round((16 * usual.batchSize) / train));
  return [1, 2, 4, 8].map((times) => ({ ...own, epochs: times * shortest }));
}

/** The points of a method's grid, as many for every method. */
export function gridOf(method: SuiteMethod, train: number): MethodSettings[] {
  return knobsAt(method, train).flatMap((knob) =>
    learningRatesAt(train).map((learningRate) => ({ ...knob, learningRate })),
  );
}

/** What a method is trained with: fixed settings, what `tune` chose for so many instructions, then the row's own. */
export function settingsOf(method: SuiteMethod, train: number, own: MethodSettings = {}): MethodSettings {
  return { ...fixedSettings, ...methodSettings[method], ...tunedFor(train).methods[method], ...own, method };
}
