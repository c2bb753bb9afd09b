// The settings of an alignment run, their defaults and what a preset changes. Knows nothing of flags or files.
import type { ScheduleName } from './schedule.ts';

/** Everything that decides what a run computes, and how often it saves. Paths are the user's own. */
export interface AlignSettings {
  /** Hugging Face model folder. */
  readonly model: string;
  /** File of judged triplets. */
  readonly data: string;
  /** PEFT adapter to start from; null starts from a fresh one. */
  readonly adapter: string | null;
  /** "alpaca", "chat" or a template file. */
  readonly template: string;

  readonly method: 'cut' | 'likelihood';
  readonly preset: 'paper' | 'released-code';
  readonly lambda: number;
  readonly alpha: number;
  readonly gamma: number;
  readonly l1: boolean;
  readonly alignP: boolean;
  readonly alignN: boolean;
  readonly detection: boolean;
  readonly dynamicWeight: boolean;
  readonly normalize: 'triplets' | 'tokens';

  readonly loraR: number;
  readonly loraAlpha: number;
  readonly loraDropout: number;
  readonly loraTargetModules: readonly string[];

  readonly learningRate: number;
  readonly lrSchedulerType: ScheduleName;
  readonly warmupSteps: number;
  readonly batchSize: number;
  readonly epochs: number;
  readonly maxSteps: number | null;
  readonly weightDecay: number;
  readonly maxGradNorm: number;
  readonly adamBeta1: number;
  readonly adamBeta2: number;
  readonly adamEpsilon: number;

  readonly cutoffLen: number;
  readonly downsample: number | null;
  readonly shuffle: boolean;
  readonly seed: number;

  readonly threads: number | null;
  readonly saveSteps: number;
  readonly saveTotalLimit: number;
}

/** arXiv 2312.14591's settings; model and data have no default. */
export const defaultSettings: Readonly<Omit<AlignSettings, 'model' | 'data'>> = {
  adapter: null,
  template: 'alpaca',
  method: 'cut',
  preset: 'paper',
  lambda: 1.2,
  alpha: 1,
  gamma: 1,
  l1: true,
  alignP: true,
  alignN: true,
  detection: true,
  dynamicWeight: true,
  normalize: 'triplets',
  loraR: 16,
  loraAlpha: 16,
  loraDropout: 0.05,
  loraTargetModules: ['gate_proj', 'up_proj', 'down_proj'],
  learningRate: 4e-4,
  lrSchedulerType: 'cosine',
  warmupSteps: 100,
  batchSize: 8,
  epochs: 1,
  maxSteps: null,
  weightDecay: 0,
  maxGradNorm: 1,
  adamBeta1: 0.9,
  adamBeta2: 0.999,
  adamEpsilon: 1e-8,
  cutoffLen: 2048,
  downsample: null,
  shuffle: true,
  seed: 42,
  threads: null,
  saveSteps: 25,
  saveTotalLimit: 2,
};

/** What a preset puts in place of the defaults: the released code's offline script weighs with alpha alone. */
const presetSettings: Readonly<Record<AlignSettings['preset'], Partial<AlignSettings>>> = {
  paper: {},
  'released-code': { lambda: 1.2, alpha: 0.5, gamma: 0 },
};

export type GivenSettings = Partial<AlignSettings> & Pick<AlignSettings, 'model' | 'data'>;

/** Fills in what was not given: from the preset, then from the defaults. */
export function resolveSettings(given: GivenSettings): AlignSettings {
  return { ...defaultSettings, ...presetSettings[given.preset ?? defaultSettings.preset], ...given };
}

/** A pair of settings that cannot both hold. `keys` are those to blame, the first one foremost. */
export interface Contradiction {
  readonly keys: readonly (keyof AlignSettings)[];
  readonly message: string;
}

/** Every contradiction between settings that were given; defaults never contradict. */
export function contradictions(given: Partial<AlignSettings>): Contradiction[] {
  const found: Contradiction[] = [];
  const add = (holds: boolean, keys: (keyof AlignSettings)[], message: string): void => {
    if (holds) found.push({ keys, message });
  };
  const released = given.preset === 'released-code';
  add(
    released && given.gamma !== undefined && given.gamma !== 0,
    ['gamma', 'preset'],
    'the released code has no factor p^gamma, so gamma can only be 0',
  );
  add(
    released && given.dynamicWeight === true,
    ['dynamicWeight', 'preset'],
    'the released code has no dynamic weight',
  );
  add(
    released && given.normalize !== undefined,
    ['normalize', 'preset'],
    'the released code averages in its own way',
  );
  if (given.method === 'likelihood') {
    const objectiveKeys = [
      'preset',
      'lambda',
      'alpha',
      'gamma',
      'l1',
      'alignN',
      'detection',
      'dynamicWeight',
    ] as const;
    for (const key of objectiveKeys) {
      add(
        given[key] !== undefined,
        [key, 'method'],
        'this belongs to method "cut" and means nothing for "likelihood"',
      );
    }
  }
  add(
    given.l1 === false && given.alignP === false && given.alignN === false,
    ['l1', 'alignP', 'alignN'],
    'with l1, align_p and align_n all off nothing is left to train on',
  );
  add(
    given.l1 === false && given.detection === false,
    ['detection', 'l1'],
    'detection is a part of l1, which is off',
  );
  add(
    given.l1 === false && given.dynamicWeight === true,
    ['dynamicWeight', 'l1'],
    'the dynamic weight is a part of l1, which is off',
  );
  add(
    given.dynamicWeight === false && given.gamma !== undefined && given.gamma !== 0,
    ['gamma', 'dynamicWeight'],
    'gamma is the exponent of the dynamic weight, which is off',
  );
  add(
    given.epochs !== undefined && given.maxSteps != null,
    ['maxSteps', 'epochs'],
    'max_steps and epochs both set the length of the run',
  );
  return found;
}
