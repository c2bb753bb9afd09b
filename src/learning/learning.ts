// A model that learns from judgments while it answers: judgments are kept as they come, a training runs beside the
// answers, its adapter is compared with the one before and then takes over, and every version can be returned to. Knows
// the order of these things; each of them is done elsewhere.
import { methodNamed, requireUsableRows, usableRows } from '../alignment/methods.ts';
import type { StepRecord } from '../alignment/metrics.ts';
import { resolveSettings } from '../alignment/settings.ts';
import type { OpenEngine } from '../engine/engine.ts';
import { computeOf } from '../engine/open-weights.ts';
import { answeringBytes } from '../engine/require-memory.ts';
import { briefly, WhetstoneError, withRemedy } from '../errors.ts';
import { withStart } from '../alignment/start.ts';
import { openThings } from '../durable/open-things.ts';
import { note } from '../words/note.ts';
import type { Note } from '../words/note.ts';
import { openAnswers } from './answers.ts';
import type { Answers } from './answers.ts';
import { measureDrift } from './drift.ts';
import type { Drift } from './drift-record.ts';
import { openLearningHistory } from './events.ts';
import type { Beginning, GivenUp, LearningHistory, Version } from './events.ts';
import { fixedPrompts } from './fixed-prompts.ts';
import { homePaths, openHome } from './home.ts';
import type { Home } from './home.ts';
import { lineOf, requireJudgment, tripletOf } from './judgment.ts';
import type { GivenJudgment, Judgment } from './judgment.ts';
import { requireTrainingFits } from './memory.ts';
import { openVersionModels } from './models.ts';
import type { VersionModel, VersionModels } from './models.ts';
import { trainingSettings } from './settings.ts';
import type { LearningSettings } from './settings.ts';
import { tidyTraining, trainVersion } from './training.ts';

/** Settings of an existing home may be left out; those given hold from now on. */
export interface LearningOptions extends Partial<LearningSettings> {
  /** Folder; begun where there is none, and then `model` has to be given. */
  readonly home: string;
  /** Hears what a person should know. */
  readonly onNote?: (note: Note) => void;
  /** Gives up waiting for the folder. */
  readonly signal?: AbortSignal;
  /** Bytes that other models in this process take. */
  readonly beside?: number;
  /** In place of the engine on ONNX Runtime. */
  readonly openEngine?: OpenEngine;
}

/** How far a training is. */
export interface LearningProgress {
  /** Of the version to come. */
  readonly version: number;
  /** Optimizer steps, then fixed prompts. */
  readonly phase: 'training' | 'comparing';
  readonly done: number;
  readonly total: number;
  /** The step that has just ended. */
  readonly record: StepRecord | null;
  /** Estimated, of this phase; null before anything tells. */
  readonly secondsLeft: number | null;
}

/** What happened; each is on disk by then, except for progress. */
export type LearningNews =
  | { readonly kind: 'judged'; readonly judgment: Judgment }
  | { readonly kind: 'withdrawn'; readonly judgment: Judgment }
  | { readonly kind: 'progress'; readonly progress: LearningProgress }
  | { readonly kind: 'learned'; readonly version: Version }
  | { readonly kind: 'given-up'; readonly givenUp: GivenUp }
  /** Requests that begin from now on are answered by this version. */
  | { readonly kind: 'using'; readonly version: Version };

export interface LearnOptions {
  readonly onProgress?: (progress: LearningProgress) => void;
  /** Stops after the step under way; the training is gone on with by the next call, or given up with `giveUp`. */
  readonly signal?: AbortSignal;
}

export interface Learning {
  readonly home: string;
  readonly settings: LearningSettings;
  /** Answers by completion ids, for judgments that name them and for the choice of fixed prompts. */
  readonly answers: Answers;
  /**
   * Keeps a judgment; resolves when it is on disk. One with the id and the content of an earlier one is that one.
   * Throws WhetstoneError `INVALID_ROWS` for what cannot be learned from, and `JUDGMENT_EXISTS` for an id that another has.
   */
  judge(given: GivenJudgment): Promise<Judgment>;
  /** Takes a judgment back, for trainings that begin from now on. Throws WhetstoneError `NO_SUCH_JUDGMENT`. */
  withdraw(id: string): Promise<Judgment>;
  /** In the order in which they came, those that were taken back as well. */
  judgments(): readonly Judgment[];
  /** Those that hold and that the version in use has not learned from, itself or through those before it. */
  fresh(): readonly Judgment[];
  /** Those that hold and that no training ever began with. */
  unseen(): readonly Judgment[];
  /** Whether `learn` would have something to do: a training to go on with, or fresh judgments that the method needs. */
  canLearn(): boolean;
  /**
   * Trains on the fresh judgments from the version in use, which goes on answering, compares the two, and lets the new one
   * take over; or goes on with a training that was stopped. A second call while one runs waits for the same version.
   *
   * Throws WhetstoneError `UNSUITABLE_DATA` where there is nothing fresh that the method can learn from, `STOPPED` after
   * an abort, and what training throws; a training that would fail again is given up.
   */
  learn(options?: LearnOptions): Promise<Version>;
  /** How far the training is that runs now; null where none runs. */
  progress(): LearningProgress | null;
  /** The training that was begun and neither ended nor given up, whether it runs or was stopped. */
  unfinished(): Beginning | null;
  /** Gives a stopped training up, so that the next call of `learn` begins another. */
  giveUp(reason?: string): Promise<void>;
  /** In the order of their numbers. */
  versions(): readonly Version[];
  givenUp(): readonly GivenUp[];
  inUse(): Version;
  /** Returns to a version, or goes on to one that was held back. Throws WhetstoneError `NO_SUCH_VERSION`. */
  use(version: number): Promise<Version>;
  /** The version in use as it answers. Hold it for as long as an answer takes that must come from one version. */
  present(): VersionModel;
  /** Any version, held already. Throws WhetstoneError `NO_SUCH_VERSION`. */
  take(version: number): Promise<{ readonly model: VersionModel; readonly release: () => void }>;
  /** Hears what happens until the returned function is called. */
  on(listener: (news: LearningNews) => void): () => void;
  /** Stops a training after its step under way, keeps all, and frees the models. Safe to call more than once. */
  close(): Promise<void>;
}

/**
 * Opens a home, or begins one, with the version in use ready to answer.
 *
 *     const learning = await openLearning({ home: 'home/', model: 'model/' });
 *     await learning.judge({ instruction, output, judgment: 'Too long.' });
 *     const version = await learning.learn();
 *
 * Throws as `openHome` and `openModel` do, and WhetstoneError `DAMAGED_JOURNAL`, and `NOT_ENOUGH_MEMORY` where there is none for
 * training beside what answers.
 */
export async function openLearning(options: LearningOptions): Promise<Learning> {
  const open = openThings();
  try {
    const home = await openHome(options, options);
    open.add(() => home.release());
    const adapterOf = (version: number): string | null =>
      version === 0 && !home.hasStart ? null : homePaths.version(home.path, version);
    const history = await openLearningHistory(homePaths.events(home.path), home.begun, adapterOf);
    open.add(() => history.close());
    if (history.repaired)
      options.onNote?.(
        note('JOURNAL_REPAIRED', 'The last line of events.jsonl had been cut off and was removed.'),
      );
    for (const version of history.versions.keys()) await tidyTraining(home.path, version);
    // Settings of the adapter's shape have to fit the version that trainings go on from.
    await withStart(home.settings, adapterOf(history.inUse()), givenOf(options));
    const answers = await openAnswers(homePaths.answers(home.path), (error) =>
      options.onNote?.(note('ANSWERS_LOST', `Answers are no longer kept: ${withRemedy(error)}`)),
    );
    open.add(() => answers.close());
    const models = await openVersionModels(
      {
        model: home.settings.model,
        voice: home.voice,
        ...computeOf(home.settings),
        slots: home.settings.slots,
        onNote: options.onNote,
        openEngine: options.openEngine,
      },
      adapterOf,
      history.inUse(),
    );
    open.add(() => models.close());
    const told = await requireTrainingFits(home.settings, models.present().engine, options.beside);
    if (told !== null) options.onNote?.(told);
    return learningOf(
      { home, history, answers, models, openEngine: options.openEngine, beside: options.beside ?? 0 },
      () => open.close(),
    );
  } catch (error) {
    await open.close();
    throw error;
  }
}

/** Settings of the adapter that were given otherwise than by default. */
const givenOf = ({
  loraR,
  loraAlpha,
  loraTargetModules,
  useRslora,
}: LearningOptions): Partial<LearningSettings> =>
  Object.fromEntries(
    Object.entries({ loraR, loraAlpha, loraTargetModules, useRslora }).filter(
      ([, value]) => value !== undefined,
    ),
  );

interface Parts {
  readonly home: Home;
  readonly history: LearningHistory;
  readonly answers: Answers;
  readonly models: VersionModels;
  readonly openEngine: OpenEngine | undefined;
  /** Bytes that other models take. */
  readonly beside: number;
}

function learningOf(
  { home, history, answers, models, openEngine, beside }: Parts,
  closeAll: () => Promise<void>,
): Learning {
  const listeners = new Set<(news: LearningNews) => void>();
  const tell = (news: LearningNews): void => {
    for (const listener of [...listeners]) listener(news);
  };
  const closing = new AbortController();
  let learning: Promise<Version> | null = null;
  let progress: LearningProgress | null = null;
  let closed: Promise<void> | null = null;

  // Judgments on their way to the disk, so that no two have one id.
  const underWay = new Map<string, Promise<Judgment>>();
  let count = history.judgments.size;
  const nextId = (): string => {
    for (;;) {
      const id = `j${++count}`;
      if (!history.judgments.has(id) && !underWay.has(id)) return id;
    }
  };
  const keep = async (given: GivenJudgment, id: string): Promise<Judgment> => {
    await history.add({ event: 'judged', ...lineOf(given, id) });
    const judgment = history.judgments.get(id)!;
    tell({ kind: 'judged', judgment });
    return judgment;
  };
  const judge = async (given: GivenJudgment): Promise<Judgment> => {
    requireJudgment(given);
    const id = given.id ?? nextId();
    // Without a pause where none is on its way: another call with this id would come in between.
    const onItsWay = underWay.get(id);
    const earlier = history.judgments.get(id) ?? (onItsWay && (await onItsWay));
    if (earlier !== undefined) {
      if (JSON.stringify(lineOf(earlier, id)) === JSON.stringify(lineOf(given, id))) return earlier;
      throw new WhetstoneError('JUDGMENT_EXISTS', `there is another judgment with the id "${id}"`, {
        field: 'id',
        hint: 'Give it another id, or none.',
      });
    }
    const keeping = keep(given, id).finally(() => underWay.delete(id));
    underWay.set(id, keeping);
    return keeping;
  };

  const versionNamed = (version: number): Version => {
    const found = history.versions.get(version);
    if (found) return found;
    throw new WhetstoneError('NO_SUCH_VERSION', `there is no version ${version}`, {
      hint: `There are ${[...history.versions.keys()].join(', ')}.`,
    });
  };

  /** Makes a version answer, and says so; `record` makes it durable first. */
  const switchTo = async (version: number, record: () => Promise<void>): Promise<Version> => {
    const { model, release } = await models.take(version);
    try {
      await record();
      if (history.inUse() === version) models.use(model);
    } finally {
      release();
    }
    const found = versionNamed(version);
    if (history.inUse() === version) tell({ kind: 'using', version: found });
    return found;
  };

  const begin = async (): Promise<Beginning> => {
    const [version, fresh] = [history.next(), history.fresh()];
    const settings = trainingSettings(home.settings, version);
    requireUsableRows(
      fresh.map(tripletOf),
      resolveSettings({ model: home.settings.model, data: null, ...settings }),
    );
    const beginning: Beginning = {
      version,
      from: history.inUse(),
      judgments: fresh.map(({ id }) => id),
      settings,
      fixed: await fixedPrompts(home.settings.fixedPrompts, answers.asked(), history.judgments.values()),
    };
    await history.add({ event: 'begun', ...beginning });
    return beginning;
  };

  const compare = async (
    { version, from, fixed }: Beginning,
    report: Report,
    signal: AbortSignal,
  ): Promise<Drift | null> => {
    if (fixed.prompts.length === 0) return null;
    const before = await models.take(from);
    try {
      const after = await models.take(version);
      try {
        return await measureDrift(before.model, after.model, fixed, {
          signal,
          onProgress: (done, total) => report('comparing', done, total, null),
        });
      } finally {
        after.release();
      }
    } finally {
      before.release();
    }
  };

  const learnNow = async ({ signal: given, onProgress }: LearnOptions): Promise<Version> => {
    const signal = given ? AbortSignal.any([given, closing.signal]) : closing.signal;
    const beginning = history.underWay() ?? (await begin());
    const { version, from } = beginning;
    const report = reporter(version, (next) => {
      progress = next;
      onProgress?.(next);
      tell({ kind: 'progress', progress: next });
    });
    const stopped = (): WhetstoneError =>
      new WhetstoneError('STOPPED', `the training of version ${version} was stopped`, {
        cause: signal.reason,
      });
    try {
      const steps = await trainVersion(home, beginning, {
        judgments: history.judgments,
        adapter: versionNamed(from).adapter,
        signal,
        openEngine,
        beside: beside + answeringBytes(models.present().engine),
        onStep: (done, total, record) => report('training', done, total, record),
      });
      if (steps === null) throw stopped();
      const drift = await compare(beginning, report, signal);
      const heldBack = reasonAgainst(drift, { limit: home.settings.maxDrift, from, inUse: history.inUse() });
      const record = (): Promise<void> =>
        history.add({ event: 'learned', version, steps, drift, held_back: heldBack });
      if (heldBack === null) await switchTo(version, record);
      else await record();
      const made = versionNamed(version);
      tell({ kind: 'learned', version: made });
      // What cannot be removed now is when the home is opened again.
      await tidyTraining(home.path, version).catch(() => undefined);
      return made;
    } catch (error) {
      if (signal.aborted && !(error instanceof WhetstoneError)) throw stopped();
      if (wouldFailAgain(error)) await giveUp(briefly(error));
      throw error;
    } finally {
      progress = null;
    }
  };

  const giveUp = async (reason: string): Promise<void> => {
    const beginning = history.underWay();
    if (beginning === null) return;
    await history.add({ event: 'given-up', version: beginning.version, reason });
    tell({ kind: 'given-up', givenUp: history.givenUp.at(-1)! });
  };

  return {
    home: home.path,
    settings: home.settings,
    answers,
    judge,
    withdraw: async (id) => {
      const judgment = history.judgments.get(id);
      if (judgment === undefined)
        throw new WhetstoneError('NO_SUCH_JUDGMENT', `there is no judgment "${id}"`);
      if (judgment.withdrawn !== null) return judgment;
      await history.add({ event: 'withdrawn', id });
      const taken = history.judgments.get(id)!;
      tell({ kind: 'withdrawn', judgment: taken });
      return taken;
    },
    judgments: () => [...history.judgments.values()],
    fresh: () => history.fresh(),
    unseen: () => history.unseen(),
    canLearn: () => {
      if (history.underWay() !== null) return true;
      const { method } = home.settings;
      methodNamed(method);
      const settings = resolveSettings({ data: null, ...trainingSettings(home.settings, 0), model: '' });
      return usableRows(method, history.fresh().map(tripletOf), settings).length > 0;
    },
    learn: (given = {}) => {
      if (closed !== null)
        return Promise.reject(new WhetstoneError('ENGINE_DISPOSED', 'this home has been closed'));
      return (learning ??= learnNow(given).finally(() => (learning = null)));
    },
    progress: () => progress,
    unfinished: () => history.underWay(),
    giveUp: async (reason = 'It was given up.') => {
      if (learning !== null)
        throw new WhetstoneError('LEARNING', 'a training that runs cannot be given up', {
          hint: 'Stop it first.',
        });
      await giveUp(reason);
    },
    versions: () => [...history.versions.values()].sort((a, b) => a.version - b.version),
    givenUp: () => history.givenUp,
    inUse: () => versionNamed(history.inUse()),
    use: async (version) => {
      const found = versionNamed(version);
      if (history.inUse() === version) return found;
      return switchTo(version, () => history.add({ event: 'used', version }));
    },
    present: () => models.present(),
    take: async (version) => models.take(versionNamed(version).version),
    on: (listener) => {
      listeners.add(listener);
      return () => void listeners.delete(listener);
    },
    close: () =>
      (closed ??= (async () => {
        closing.abort(new Error('the home is closed'));
        await learning?.catch(() => undefined);
        await Promise.allSettled(underWay.values());
        await closeAll();
      })()),
  };
}

type Report = (
  phase: LearningProgress['phase'],
  done: number,
  total: number,
  record: StepRecord | null,
) => void;

/** Makes reports with the time left, which follows from the pace of the phase. */
function reporter(version: number, tell: (progress: LearningProgress) => void): Report {
  let began: { readonly phase: string; readonly at: number; readonly done: number } | null = null;
  return (phase, done, total, record) => {
    const now = performance.now();
    if (began?.phase !== phase) began = { phase, at: now, done };
    const paces = done - began.done;
    const secondsLeft = paces > 0 ? ((now - began.at) / paces / 1000) * (total - done) : null;
    tell({ version, phase, done, total, record, secondsLeft });
  };
}

/** Why a version that is whole does not take over by itself; null where nothing is against it. */
function reasonAgainst(
  drift: Drift | null,
  { limit, from, inUse }: { readonly limit: number | null; readonly from: number; readonly inUse: number },
): string | null {
  if (inUse !== from) return `version ${inUse} was chosen while this one was trained from version ${from}`;
  if (limit === null) return null;
  const kl = drift?.mean_kl ?? null;
  if (kl === null) return 'how far it went cannot be told, and max_drift sets a limit';
  if (kl <= limit) return null;
  return `mean KL of ${Number(kl.toPrecision(3))} nats a token over the fixed prompts, above max_drift ${limit}`;
}

/** Whether the same training would end in the same way: nothing is wrong with the machine. */
const wouldFailAgain = (error: unknown): error is WhetstoneError =>
  error instanceof WhetstoneError &&
  ['NON_FINITE_LOSS', 'NOTHING_TO_LEARN', 'UNSUITABLE_DATA', 'INVALID_OPTIONS', 'INVALID_ROWS'].includes(
    error.code,
  );
