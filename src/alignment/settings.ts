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

/** Every contradiction between settings that were given; a default that was spelled out never contradicts. */
export function contradictions(all: Partial<AlignSettings>): Contradiction[] {
  const usual: Partial<AlignSettings> = {
    ...defaultSettings,
    ...presetSettings[all.preset ?? 'paper'],
    preset: 'paper',
  };
  const given = Object.fromEntries(
    Object.entries(all).filter(([key, value]) => value !== usual[key as keyof AlignSettings]),
  ) as Partial<AlignSettings>;
  const found: Contradiction[] = [];
  const add = (holds: boolean, keys: (keyof AlignSettings)[], message: string): void => {
    if (holds) found.push({ keys, message });
  };
  if (given.preset === 'released-code') {
    const other = 'the released code has no factor p^gamma, so gamma can only be 0';
    add(all.gamma !== undefined && all.gamma !== 0, ['gamma', 'preset'], other);
    add(given.normalize !== undefined, ['normalize', 'preset'], 'the released code averages in its own way');
  }
  if (given.method === 'likelihood') {
    const parts = [
      'preset',
      'lambda',
      'alpha',
      'gamma',
      'l1',
      'alignP',
      'alignN',
      'detection',
      'dynamicWeight',
    ] as const;
    for (const key of parts) {
      add(
        given[key] !== undefined,
        [key, 'method'],
        'this belongs to method "cut" and means nothing for "likelihood"',
      );
    }
  }
  const nothingLeft = all.l1 === false && all.alignP === false && all.alignN === false;
  add(
    nothingLeft,
    ['l1', 'alignP', 'alignN'],
    'with l1, align_p and align_n all off nothing is left to train on',
  );
  if (all.l1 === false) {
    for (const key of ['alpha', 'gamma', 'detection', 'dynamicWeight'] as const) {
      add(given[key] !== undefined, [key, 'l1'], 'this is a part of l1, which is off');
    }
  }
  const weighted = all.dynamicWeight === false && given.gamma !== undefined && given.gamma !== 0;
  add(weighted, ['gamma', 'dynamicWeight'], 'gamma is the exponent of the dynamic weight, which is off');
  return found;
}
