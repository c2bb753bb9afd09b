// The settings of a model that learns while it answers: what it is, how it is trained, what is looked at before a new
// version takes over. Knows neither flags nor files.
import { contradictions, defaultSettings, runSettings, usualSettings } from '../alignment/settings.ts';
import type { AlignSettings } from '../alignment/settings.ts';
import { foreignSettings, withMethods } from '../alignment/methods.ts';
import type { WithMethods } from '../alignment/methods.ts';
import type { Entry } from '../options/check.ts';
import { defaultsOf, without } from '../options/table.ts';
import type { DefaultsOf, SettingsOf } from '../options/table.ts';
import { learnTable } from '../options/verbs/training.ts';

type OptionsTable = WithMethods<typeof learnTable>;
type HomeTable = Omit<OptionsTable, 'home'>;

const optionsTable: OptionsTable = withMethods(learnTable);

/** What a home folder's record has. */
export const homeTable: HomeTable = without(optionsTable, ['home']);

export interface LearningSettings extends Omit<SettingsOf<HomeTable>, 'model'> {
  readonly model: string;
}

/** For some 20 to 50 judgments at a time; dev/LOG.md has how they were chosen. */
export const learningDefaults: DefaultsOf<HomeTable> = defaultsOf(homeTable);

/** What `openLearning` takes. */
export const learningEntry: Entry<OptionsTable> = {
  table: optionsTable,
  others: { onNote: 'function', openEngine: 'function', signal: 'object', beside: 'number' },
  required: () => ['home'],
  together: (given) =>
    contradictions(trainingOf(given), { ...defaultSettings, ...trainingOf(learningDefaults) }),
};

/** Those of `settings` that say how a training is computed, without files. */
const trainingOf = <S extends object>(settings: S): Partial<AlignSettings> =>
  Object.fromEntries(
    Object.entries(settings).filter(
      ([key]) => (runSettings as readonly string[]).includes(key) && !filesOfHome.includes(key),
    ),
  );

/** A home has its own of these, and each training takes them from there. */
const filesOfHome: readonly string[] = ['model', 'adapter', 'template', 'templateArgs'];

/** Fills in what was not given. Throws WhetstoneError `INVALID_OPTIONS` for a method that there is not. */
export const resolveLearning = (
  given: Partial<LearningSettings> & Pick<LearningSettings, 'model'>,
): LearningSettings => ({ ...usualSettings(given, learningDefaults), ...given });

/** How a training is computed, as the journal keeps it: settings of other methods are left out, and so are files. */
export function trainingSettings(settings: LearningSettings, version: number): Partial<AlignSettings> {
  const foreign: readonly string[] = foreignSettings(settings.method);
  const own = Object.entries(trainingOf(settings)).filter(([key]) => !foreign.includes(key));
  // Another order of rows and another dropout each time.
  return { ...Object.fromEntries(own), seed: (settings.seed + version) % 2 ** 32 };
}
