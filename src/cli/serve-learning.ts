// The model that learns of "whetstone serve --learn": opened with the settings of flags and of a file, told of on the
// screen. Knows the verb's values; learning and serving do the work.
import { computeOf } from '../engine/open-weights.ts';
import { briefly, WhetstoneError } from '../errors.ts';
import type { Learning, LearningNews, LearningOptions } from '../learning/index.ts';
import type { Learner } from '../serving/index.ts';
import { refuse } from '../options/check.ts';
import { readOptions } from '../options/read.ts';
import { without } from '../options/table.ts';
import type { SettingsOf } from '../options/table.ts';
import type { serveTable } from '../options/verbs/serving.ts';
import { plural } from '../words/numbers.ts';
import type { VerbContext } from './screen.ts';

export interface ServedLearning {
  readonly learner: Learner;
  /** Stops a training after its step under way; it is gone on with when the folder is served again. */
  close(): Promise<void>;
}

type Values = SettingsOf<typeof serveTable>;

/** Throws as `openLearning`, and WhetstoneError `INVALID_OPTIONS` for what is wrong with the file of settings. */
export async function openServedLearning(
  home: string,
  values: Values,
  given: Partial<Values>,
  { screen, openEngine, beside }: Pick<VerbContext, 'screen' | 'openEngine'> & { readonly beside: number },
): Promise<ServedLearning> {
  const { learnAutomatically, openLearning } = await import('../learning/index.ts');
  const { baseName, openLearner } = await import('../serving/index.ts');
  const { readSamplingDefaults } = await import('../models/sampling-defaults.ts');
  const { template, templateArgs, slots, fixedPrompts, maxDrift } = given;
  const learning = await openLearning({
    ...(values.learnConfig === null ? {} : await readLearnConfig(values.learnConfig)),
    ...known({ template, templateArgs, slots, fixedPrompts, maxDrift, ...computeOf(given) }),
    home,
    model: values.model,
    beside,
    onNote: screen.note,
    ...(openEngine && { openEngine }),
  });
  const onError = (error: unknown): void => {
    if (error instanceof WhetstoneError && error.code === 'STOPPED') return;
    screen.warn(
      'learning',
      `Nothing was learned: ${error instanceof WhetstoneError ? briefly(error) : String(error)}`,
    );
  };
  const forget = learning.on((news) => tell(news, learning, screen));
  const learner = openLearner(learning, {
    parent: baseName(values.model),
    sampling: values.generationConfig === 'auto' ? await readSamplingDefaults(values.model) : {},
    nextMessage: values.nextMessage,
    automatic: () => automatic,
    onError,
  });
  const automatic = learnAutomatically(learning, {
    after: values.learnAfter,
    patience: values.learnPatience,
    isBusy: () => learner.isBusy(),
    onError,
  });
  return {
    learner,
    close: async () => {
      automatic.close();
      await learning.close();
      forget();
    },
  };
}

const known = (settings: object): Partial<LearningOptions> =>
  Object.fromEntries(Object.entries(settings).filter(([, value]) => value !== undefined));

async function readLearnConfig(file: string): Promise<Partial<LearningOptions>> {
  const { learningEntry } = await import('../learning/settings.ts');
  const { readConfigFile } = await import('../options/config-file.ts');
  const table = without(learningEntry.table, ['home', 'model']);
  const { values, problems } = readOptions(
    table,
    { values: {}, positionals: [], unknown: [] },
    await readConfigFile(file),
  );
  refuse(problems.map(({ where, message }) => `${where}: ${message}`));
  return values;
}

function tell(news: LearningNews, learning: Learning, screen: VerbContext['screen']): void {
  if (news.kind === 'learned') {
    const { version, judgments, drift, heldBack } = news.version;
    const far =
      drift === null
        ? ''
        : `; ${drift.changed} of ${plural(drift.answers.length, 'fixed prompt')} answered otherwise` +
          (drift.mean_kl === null ? '' : `, mean KL ${Number(drift.mean_kl.toPrecision(3))} nats a token`);
    const used = heldBack === null ? '' : ` It is not used: ${heldBack}.`;
    screen.aside(
      'learned',
      `Version ${version} has learned from ${plural(judgments.length, 'judgment')}${far}.${used}`,
    );
  } else if (news.kind === 'using') {
    screen.aside('using', `Requests are answered by version ${news.version.version} from now on.`);
  } else if (news.kind === 'given-up') {
    screen.warn('learning', `Version ${news.givenUp.version} was given up: ${news.givenUp.reason}`);
  } else if (
    news.kind === 'progress' &&
    news.progress.record === null &&
    news.progress.phase === 'training'
  ) {
    const { version, total } = news.progress;
    const count = learning.unfinished()?.judgments.length ?? 0;
    screen.aside(
      'learning',
      `Version ${version} learns from ${plural(count, 'judgment')}: ${plural(total, 'step')}.`,
    );
  }
}
