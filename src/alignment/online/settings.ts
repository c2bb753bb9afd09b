// The settings of an online run: those of training, and how responses are drawn, made, judged and mixed. Knows neither
// flags nor files.
import type { Entry, Problem } from '../../options/check.ts';
import { defaultsOf, without } from '../../options/table.ts';
import type { DefaultsOf, SettingsOf } from '../../options/table.ts';
import { onlineTable } from '../../options/verbs/training.ts';
import { bothWays } from '../../options/resume.ts';
import { option } from '../../words/option.ts';
import { foreignSettings, withMethods } from '../methods.ts';
import type { WithMethods } from '../methods.ts';
import { contradictions, defaultSettings, runSettings, usualSettings } from '../settings.ts';
import type { AlignSettings } from '../settings.ts';

type OptionsTable = WithMethods<typeof onlineTable>;
type RunTable = Omit<OptionsTable, 'out' | 'resume' | 'overwrite'>;

const optionsTable: OptionsTable = withMethods(onlineTable);

/** What decides what an online run computes; its record has these. */
export const onlineRunTable: RunTable = without(optionsTable, ['out', 'resume', 'overwrite']);

/** Everything that decides what an online run computes; how each round is trained is as in `align`. */
export interface OnlineSettings extends SettingsOf<RunTable> {
  readonly model: string;
}

export const onlineDefaults: DefaultsOf<RunTable> = defaultsOf(onlineRunTable);

/** What `alignOnline` takes. */
export const onlineEntry: Entry<OptionsTable> = {
  table: optionsTable,
  others: {
    signal: 'object',
    on: 'function',
    judgeWith: 'object',
    rehearse: 'boolean',
    openEngine: 'function',
    openPage: 'function',
  },
  required: ({ resume }) =>
    resume ? ['out'] : ['model', 'instructions', 'judge', 'rounds', 'perRound', 'out'],
  together: (given) => [
    ...contradictions(given, { ...defaultSettings, ...onlineDefaults }, 'online'),
    ...bothWays(given),
    ...fresh(given),
    ...(given.resume ? [] : room(given)),
  ],
};

const fresh = ({ judgePrompt }: Partial<OnlineSettings>): Problem[] =>
  judgePrompt === 'next-message'
    ? [{ keys: ['judgePrompt'], message: 'fresh responses have no next message that it could read' }]
    : [];

/** A response is never cut for training, so that one as long as allowed has to fit. */
function room({
  maxNewTokens = onlineDefaults.maxNewTokens,
  cutoffLen = onlineDefaults.cutoffLen,
}: Partial<OnlineSettings>): Problem[] {
  // The end token, at least one of the prompt, and a few more where a text is spelled otherwise than it was generated.
  const least = maxNewTokens + Math.ceil(maxNewTokens / 10) + 2;
  if (cutoffLen >= least) return [];
  const message =
    `a response of ${maxNewTokens} tokens could not be trained on within ${cutoffLen}. ` +
    `Raise ${option('cutoffLen')} to ${least} or more, or lower ${option('maxNewTokens')}.`;
  return [{ keys: ['maxNewTokens', 'cutoffLen'], message }];
}

export type GivenOnlineSettings = Partial<OnlineSettings> &
  Pick<OnlineSettings, 'model' | 'instructions' | 'rounds' | 'perRound' | 'judge'>;

/** Fills in what was not given. Throws WhetstoneError `INVALID_OPTIONS` for a method that there is not. */
export const resolveOnlineSettings = (given: GivenOnlineSettings): OnlineSettings => ({
  ...usualSettings(given, onlineDefaults, 'online'),
  ...given,
});

/** The settings with which round `round` is trained. Those of other methods stay as `align` has them, which refuses others. */
export function trainingSettings(
  settings: OnlineSettings,
  round: { readonly data: string; readonly adapter: string | null; readonly seed: number },
): AlignSettings {
  const foreign: readonly string[] = foreignSettings(settings.method);
  const own = Object.entries(settings).filter(
    ([key]) => (runSettings as readonly string[]).includes(key) && !foreign.includes(key),
  );
  const taken = Object.fromEntries(own) as Partial<OnlineSettings>;
  // What is down-sampled is decided before the rows are mixed with others; the run logs its rounds' steps in one course.
  return {
    ...defaultSettings,
    ...taken,
    model: settings.model,
    ...round,
    downsample: null,
    loggingDir: null,
  };
}
