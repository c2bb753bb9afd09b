// The settings of an online run: those of training, and how responses are drawn, made, judged and mixed. Knows no
// flags and no files.
import type { JudgeFlags } from '../../judges/flags.ts';
import { judgeDefaults } from '../../judges/flags.ts';
import { methods } from '../methods.ts';
import type { ResumeRules } from '../record.ts';
import { defaultSettings, resolveSettings } from '../settings.ts';
import type { AlignSettings } from '../settings.ts';

/** Everything that decides what an online run computes; how each round is trained is as in `align`. */
export interface OnlineSettings extends Omit<AlignSettings, 'data' | 'adapter'>, JudgeFlags {
  /** File of instructions to respond to. */
  readonly instructions: string;
  readonly rounds: number;
  /** Instructions of a round. */
  readonly perRound: number;
  /** Run or PEFT adapter that the first round starts from; null starts from the model as it is. */
  readonly from: string | null;
  /** File of instructions to evaluate on; null takes `evalSize` of `instructions`, which are then never trained on. */
  readonly evalInstructions: string | null;
  /** Instructions to evaluate on before the first and after every round; 0 evaluates nothing. */
  readonly evalSize: number;
  /** File of judged triplets that every round learns from as well. */
  readonly mix: string | null;
  /** Each round learns from the judgments of so many last rounds, its own included. */
  readonly keepRounds: number;
  /** Share of each round, in [0, 1], that is given to instructions whose responses were rejected before. */
  readonly failedShare: number;

  readonly maxNewTokens: number;
  readonly temperature: number;
  readonly topP: number;
  readonly topK: number;
  readonly repetitionPenalty: number;
  /** Texts that end a response; none of them becomes part of it. */
  readonly stop: readonly string[] | null;
  /** A round with a larger share of responses that the judge could not score stops the run. */
  readonly maxUnscored: number;
}

type Own = Omit<OnlineSettings, keyof AlignSettings | keyof JudgeFlags>;

export const onlineOnlyDefaults: Omit<Own, 'instructions' | 'rounds' | 'perRound'> = {
  from: null,
  evalInstructions: null,
  evalSize: 100,
  mix: null,
  keepRounds: 1,
  failedShare: 0,
  maxNewTokens: 256,
  temperature: 0,
  topP: 1,
  topK: 0,
  repetitionPenalty: 1,
  stop: null,
  maxUnscored: 0.5,
};

/**
 * Where online rounds are trained otherwise than offline: lambda and down-sampling as in arXiv 2312.14591's online
 * scripts; a warm-up that fits rounds of any size, since a round may be shorter than the paper's 100 steps.
 */
export const onlineTrainingDefaults: Partial<AlignSettings> = {
  lambda: 1.1,
  downsample: 0.25,
  warmupSteps: 0.1,
};

/** Without those that mean nothing to the method, which would refuse them. */
function onlineTrainingDefaultsOf(method: AlignSettings['method']): Partial<AlignSettings> {
  const { lambda, ...others } = onlineTrainingDefaults;
  return methods[method].settings.includes('lambda') ? { lambda, ...others } : others;
}

export const onlineDefaults: Omit<
  OnlineSettings,
  'model' | 'instructions' | 'rounds' | 'perRound' | 'judge'
> = {
  ...withoutDataAndAdapter(defaultSettings),
  ...onlineTrainingDefaults,
  ...judgeDefaults,
  ...onlineOnlyDefaults,
};

function withoutDataAndAdapter(
  settings: typeof defaultSettings,
): Omit<typeof defaultSettings, 'data' | 'adapter'> {
  const { adapter, ...rest } = settings;
  void adapter;
  return rest;
}

export type GivenOnlineSettings = Partial<OnlineSettings> &
  Pick<OnlineSettings, 'model' | 'instructions' | 'rounds' | 'perRound' | 'judge'>;

/** Fills in what was not given. Throws WhetstoneError `INVALID_OPTIONS` for a method that there is not. */
export function resolveOnlineSettings(given: GivenOnlineSettings): OnlineSettings {
  const { data, adapter, ...training } = resolveSettings({
    ...(given as Partial<AlignSettings>),
    ...{ model: given.model, data: null },
  });
  void [data, adapter];
  const own = onlineTrainingDefaultsOf(training.method);
  return { ...training, ...own, ...judgeDefaults, ...onlineOnlyDefaults, ...given };
}

/** The settings with which round `round` is trained. */
export function trainingSettings(
  settings: OnlineSettings,
  round: { readonly data: string; readonly adapter: string | null; readonly seed: number },
): AlignSettings {
  const own = Object.keys(defaultSettings) as (keyof typeof defaultSettings)[];
  const all = settings as unknown as AlignSettings;
  const taken = Object.fromEntries(own.map((key) => [key, all[key]])) as unknown as AlignSettings;
  // What is down-sampled is decided before the rows are mixed with others.
  return { ...taken, model: settings.model, ...round, downsample: null };
}

export const onlineResumeRules: ResumeRules<OnlineSettings> = {
  free: [
    ...(['threads', 'saveSteps', 'saveTotalLimit', 'rounds', 'maxUnscored'] as const),
    ...(['judgeTimeout', 'judgeRetries', 'judgeCache', 'concurrency', 'requestsPerMinute'] as const),
    ...(['tokensPerMinute', 'apiKeyEnv', 'inputPrice', 'outputPrice', 'currency', 'budget'] as const),
  ],
  byContent: ['model', 'instructions', 'from', 'evalInstructions', 'mix', 'template', 'judge', 'judgePrompt'],
};
