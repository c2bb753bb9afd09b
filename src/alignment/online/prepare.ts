// Everything before the first response of an online run: settings, files, model and judge are read, and refused, and
// the run directory is taken. Knows what a run needs; what happens round by round is rounds.ts.
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { loadVoice } from '../../generation/index.ts';
import { removeLeftovers } from '../../durable/files.ts';
import type { JudgingEstimate } from '../../judges/judge-kind.ts';
import type { Judge } from '../../judges/judge.ts';
import { judgeSettingsOf } from '../../judges/flags.ts';
import { estimateJudging, openJudge } from '../../judges/open-judge.ts';
import { defaultJudgeSettings } from '../../judges/settings.ts';
import { readTriplets } from '../../judgments/index.ts';
import type { Triplet } from '../../judgments/index.ts';
import { withStart } from '../start.ts';
import { claimRun } from '../../runs/claim.ts';
import type { RunClaim } from '../../runs/claim.ts';
import { usedTemplate } from '../data.ts';
import type { EngineDescription, OpenEngine } from '../../engine/engine.ts';
import { checkOptions, requireNew } from '../../options/check.ts';
import { settingDifferences, settingsToResume } from '../../options/resume.ts';
import { circumstanceDifferences } from '../../runs/circumstances.ts';
import { nothingToResume, openMode, refuseDifferences, startOf } from '../../runs/resume.ts';
import { openHistory } from './history.ts';
import type { History } from './history.ts';
import { readRunInstructions } from './instructions.ts';
import type { RunInstructions } from './instructions.ts';
import type { OnlineProgress } from './progress.ts';
import {
  adapterOf,
  filesOf,
  makeOnlineRecord,
  onlineCircumstances,
  recordedFolder,
  recordedOnlineSettings,
} from './record.ts';
import { onlineEntry, onlineRunTable, resolveOnlineSettings, trainingSettings } from './settings.ts';
import type { GivenOnlineSettings, OnlineSettings } from './settings.ts';
import { openSpeakers } from './speakers.ts';
import type { Speakers } from './speakers.ts';
import { requireLearnable } from './training-rows.ts';
import { note } from '../../words/note.ts';
import type { Note } from '../../words/note.ts';

/** Settings that were given, and where the run goes. All but `out` may be left out when resuming. */
export interface OnlineOptions extends Partial<OnlineSettings> {
  /** Run directory. */
  readonly out: string;
  /** Go on with the run in `out`; starts it if there is none yet. */
  readonly resume?: boolean;
  /** Start anew although `out` holds a run, which is moved aside to OUT.old-N. */
  readonly overwrite?: boolean;
  /** Stops at the next point where nothing is lost; `run` then throws `STOPPED`. */
  readonly signal?: AbortSignal;
  /** Hears how far the run is. */
  readonly on?: (progress: OnlineProgress) => void;
  /** In place of the judge that `judge` names; `judge` is still recorded. */
  readonly judgeWith?: Judge;
  /** Works out the plan and writes nothing. */
  readonly rehearse?: boolean;
  /** In place of the ONNX engine. */
  readonly openEngine?: OpenEngine;
}

/** Known before the first round. */
export interface OnlinePlan {
  readonly settings: OnlineSettings;
  /** Instructions to train on, of which the rounds use some, and those to evaluate on. */
  readonly training: number;
  readonly heldOut: number;
  readonly doneRounds: number;
  readonly judge: string;
  /** What a chat server's judgments of a rehearsed run would cost; else null. */
  readonly estimate: JudgingEstimate | null;
  readonly engine: EngineDescription;
  readonly notes: readonly Note[];
}

/** A rejected and a satisfactory triplet: what any round may bring. */
const everyKind: readonly Triplet[] = ['It is wrong.', null].map((judgment, i) => ({
  ...{ instruction: 'instruction', output: 'output', judgment, revision: 'revision' },
  source: { file: 'a round', row: i + 1 },
}));

export interface Prepared {
  readonly plan: OnlinePlan;
  /** Null where the run is only rehearsed. */
  readonly begun: Begun | null;
}

export interface Begun {
  readonly settings: OnlineSettings;
  readonly path: string;
  /** Adapter that the first round starts from. */
  readonly start: string | null;
  readonly instructions: RunInstructions;
  readonly maxPositions: number;
  readonly mix: readonly Triplet[];
  readonly claim: RunClaim;
  readonly history: History;
  readonly judge: Judge;
  readonly speakers: Speakers;
}

export async function free({ speakers, judge, history, claim }: Begun): Promise<void> {
  await speakers.close();
  await judge.close();
  await history.close();
  await claim.release();
}

export async function prepare(options: OnlineOptions): Promise<Prepared> {
  const { openEngine } = options;
  const { out = '', resume = false, overwrite = false, ...given } = checkOptions(onlineEntry, options);
  const claim = await claimRun(out, openMode({ resume, overwrite }), 'online', {
    signal: options.signal,
    onNote: (note) => options.on?.({ kind: 'note', note }),
  });
  const opened: { close(): Promise<void> }[] = [{ close: () => claim.release() }];
  try {
    const { recorded } = claim;
    if (!recorded) requireNew(onlineEntry, options);
    const before = recorded && recordedOnlineSettings(recorded);
    const changed = before ? settingDifferences(onlineRunTable, given, before) : [];
    const resolved = before
      ? settingsToResume(onlineRunTable, given, before)
      : resolveOnlineSettings(given as GivenOnlineSettings);
    const start = resolved.from === null ? null : await adapterOf(resolved.from);
    const settings = before ? resolved : await withStart(resolved, start, given);
    const started = startOf(recorded);
    const voice = await loadVoice({
      model: settings.model,
      template: settings.template,
      args: settings.templateArgs ?? {},
      now: started,
    });

    const training = trainingSettings(settings, { data: '', adapter: start, seed: settings.seed });
    const mix = settings.mix === null ? [] : (await readTriplets(settings.mix)).triplets;
    requireLearnable(training, mix);

    // The judge's files go into the run directory, which is not one before its record is written.
    const folder = recorded && given.judge === undefined ? await recordedFolder(recorded) : process.cwd();
    const nameless = await judgeOf(settings, { path: null, folder }, options);
    const { name: judge_name, fingerprint: judge_fingerprint } = nameless;
    if (nameless !== options.judgeWith) await nameless.close();
    const circumstances = {
      ...(await filesOf(settings, start)),
      tokenizer: voice.tokenizer.fingerprint,
      // Those of the optional prompts that the method trains with; a template that lacks one is refused here.
      template: usedTemplate({ template: voice.template, triplets: everyKind, positions: [0, 1] }, training),
      ...{ judge_name, judge_fingerprint, folder },
      started: started.toISOString(),
    };
    refuseDifferences(out, [
      ...changed,
      ...(recorded ? circumstanceDifferences(onlineCircumstances, circumstances, recorded) : []),
    ]);

    const { model, threads, seed } = settings;
    const speakers = openSpeakers({ model, threads, seed, openEngine }, voice);
    opened.push(speakers);
    const engine = (await speakers.with(start)).engine.describe();
    const instructions = await readRunInstructions(settings, voice, engine.maxPositions);

    const about = {
      ...{ settings, engine, judge: judge_name },
      ...{ training: instructions.training.length, heldOut: instructions.heldOut.length },
    };
    if (options.rehearse) {
      const estimate = options.judgeWith ? null : await estimateOnline(settings, instructions);
      const plan = { ...about, doneRounds: 0, estimate, notes: instructions.notes };
      for (const each of opened.reverse()) await each.close();
      return { plan, begun: null };
    }

    const beginning = await claim.begin(await makeOnlineRecord(settings, circumstances));
    const folders = await readdir(join(claim.path, 'rounds')).catch(() => []);
    for (const name of folders) await removeLeftovers(join(claim.path, 'rounds', name));
    const history = await openHistory(join(claim.path, 'events.jsonl'));
    opened.push(history);
    const judge = await judgeOf(settings, { path: claim.path, folder }, options);
    opened.push(judge);
    const notes: Note[] = [];
    if (history.repaired)
      notes.push(note('JOURNAL_REPAIRED', 'The last line of events.jsonl had been cut off; it was removed.'));
    const judgeBefore = recorded?.run['judge_name'];
    if (recorded && judgeBefore !== judge_name)
      notes.push(
        note('OTHER_JUDGE', `The run began with the judge ${String(judgeBefore)}, this is ${judge_name}.`),
      );
    if (resume && !recorded) notes.push(nothingToResume(out));
    const plan: OnlinePlan = {
      ...about,
      estimate: null,
      doneRounds: roundsDone(history),
      notes: [...beginning.notes, ...notes, ...instructions.notes],
    };
    const { maxPositions } = engine;
    const begun = {
      settings,
      maxPositions,
      path: claim.path,
      start,
      instructions,
      mix,
      claim,
      history,
      judge,
      speakers,
    };
    return { plan, begun };
  } catch (error) {
    for (const each of opened.reverse()) await each.close();
    throw error;
  }
}

/**
 * The judge of the run; `path` is the run directory, where a chat server's replies are kept, or null for nowhere; a
 * command runs in `folder`.
 */
async function judgeOf(
  settings: OnlineSettings,
  { path, folder }: { readonly path: string | null; readonly folder: string },
  { judgeWith, on }: OnlineOptions,
): Promise<Judge> {
  if (judgeWith) return judgeWith;
  return openJudge(settings.judge, {
    ...judgeSettingsOf(settings),
    cache: path === null ? null : (settings.judgeCache ?? join(path, 'replies.jsonl')),
    ...{ threads: settings.threads, seed: settings.seed, cwd: folder },
    onNote: (note) => on?.({ kind: 'note', note }),
  });
}

/** For responses as long as they may become, which nobody knows before. */
function estimateOnline(
  settings: OnlineSettings,
  { training, heldOut }: RunInstructions,
): Promise<JudgingEstimate | null> {
  const { rounds, perRound, maxNewTokens } = settings;
  const output = 'word'.repeat(maxNewTokens);
  const all = [
    ...training.slice(0, rounds * perRound),
    ...Array.from({ length: rounds + 1 }, () => heldOut).flat(),
  ];
  const rows = all.map(({ instruction, input }, i) => ({
    ...{ id: String(i), instruction, output },
    ...(input !== undefined && { input }),
  }));
  return estimateJudging(
    settings.judge,
    { ...defaultJudgeSettings, ...judgeSettingsOf(settings), cache: null },
    rows,
  );
}

function roundsDone(history: History): number {
  let round = 0;
  while (history.trained(round + 1)) round++;
  return round;
}
