// Everything before the first response of an online run, once and in order: check, claim, settle, read, open, begin. Each
// stage hands one record to the next. Knows what a run needs; what happens round by round is rounds.ts.
import { computeOf, forEngine } from '../../engine/open-weights.ts';
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { loadVoice } from '../../generation/index.ts';
import type { Voice } from '../../generation/index.ts';
import { removeLeftovers } from '../../durable/files.ts';
import { openThings } from '../../durable/open-things.ts';
import type { OpenThings } from '../../durable/open-things.ts';
import type { JudgingEstimate } from '../../judges/judge-kind.ts';
import type { Judge } from '../../judges/judge.ts';
import { judgeSettingsOf } from '../../judges/flags.ts';
import type { OpenJudgePage } from '../../judges/person/page.ts';
import { estimateJudging, openJudge } from '../../judges/open-judge.ts';
import { defaultJudgeSettings } from '../../judges/settings.ts';
import { readSoundTriplets } from '../../judgments/index.ts';
import type { Triplet } from '../../judgments/index.ts';
import { promptOf } from '../../rows/conversation.ts';
import { withStart } from '../start.ts';
import { claimRun } from '../../runs/claim.ts';
import type { RunClaim } from '../../runs/claim.ts';
import { usedTemplate } from '../data.ts';
import type { EngineDescription, OpenEngine } from '../../engine/engine.ts';
import { checkOptions, requireNew } from '../../options/check.ts';
import { settingDifferences, settingsToResume } from '../../options/resume.ts';
import { circumstanceDifferences } from '../../runs/circumstances.ts';
import { nothingToResume, openMode, refuseDifferences, startOf } from '../../runs/resume.ts';
import type { OpenMode } from '../../runs/resume.ts';
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
import type { OnlineCircumstances } from './record.ts';
import { onlineEntry, onlineRunTable, resolveOnlineSettings, trainingSettings } from './settings.ts';
import type { GivenOnlineSettings, OnlineSettings } from './settings.ts';
import { openEventLog } from '../../tensorboard/index.ts';
import type { EventLog } from '../../tensorboard/index.ts';
import { requireRoundsFit } from './memory.ts';
import { openServedSpeakers } from './served-speakers.ts';
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
  /** Opens the page that the judge "person:" asks people in. */
  readonly openPage?: OpenJudgePage;
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
  instruction: 'instruction',
  output: 'output',
  judgment,
  revision: 'revision',
  source: { file: 'a round', row: i + 1 },
}));

export interface Prepared {
  readonly plan: OnlinePlan;
  /** Null where the run is only rehearsed. */
  readonly begun: Begun | null;
  /** Ends the run and frees what it holds. */
  readonly close: () => Promise<void>;
}

/** Throws WhetstoneError for everything that a user can put right; nothing is then left open or locked. */
export async function prepare(options: OnlineOptions): Promise<Prepared> {
  const open = openThings();
  const close = (): Promise<void> => open.close();
  try {
    const read = await readAll(await settle(await claim(check(options), open)));
    const opened = await openModel(read, open);
    if (options.rehearse) {
      const plan = await rehearsedPlan(opened);
      await close();
      return { plan, begun: null, close };
    }
    const begun = await begin(opened, open);
    return { plan: planOf(begun), begun, close };
  } catch (error) {
    await close();
    throw error;
  }
}

interface Asked {
  readonly options: OnlineOptions;
  readonly given: Partial<OnlineSettings>;
  readonly out: string;
  readonly mode: OpenMode;
}

function check(options: OnlineOptions): Asked {
  const { out = '', resume, overwrite, ...given } = checkOptions(onlineEntry, options);
  return { options, given, out, mode: openMode({ resume, overwrite }) };
}

interface Claimed extends Asked {
  readonly claim: RunClaim;
}

async function claim(asked: Asked, open: OpenThings): Promise<Claimed> {
  const { out, mode, options } = asked;
  const claimed = await claimRun(out, mode, 'online', {
    signal: options.signal,
    onNote: (note) => options.on?.({ kind: 'note', note }),
  });
  open.add(claimed.release);
  return { ...asked, claim: claimed };
}

interface Settled extends Claimed {
  readonly settings: OnlineSettings;
  /** Adapter that the first round starts from. */
  readonly start: string | null;
  /** What was given otherwise than it is recorded, and must not be. */
  readonly differences: readonly string[];
}

async function settle(claimed: Claimed): Promise<Settled> {
  const { options, given } = claimed;
  const { recorded } = claimed.claim;
  const startOfRun = ({ from }: OnlineSettings): Promise<string | null> =>
    from === null ? Promise.resolve(null) : adapterOf(from);
  if (!recorded) {
    requireNew(onlineEntry, options);
    const all = resolveOnlineSettings(given as GivenOnlineSettings);
    const start = await startOfRun(all);
    return { ...claimed, settings: await withStart(all, start, given), start, differences: [] };
  }
  const before = recordedOnlineSettings(recorded);
  const settings = forEngine(settingsToResume(onlineRunTable, given, before), given);
  const differences = settingDifferences(onlineRunTable, given, before);
  return { ...claimed, settings, start: await startOfRun(settings), differences };
}

interface Read extends Settled {
  readonly voice: Voice;
  readonly mix: readonly Triplet[];
  readonly circumstances: OnlineCircumstances;
}

/** Reads texts, rows and the judge's name, and refuses to go on with what has changed. */
async function readAll(settled: Settled): Promise<Read> {
  const { options, given, out, settings, start, differences } = settled;
  const { recorded } = settled.claim;
  const started = startOf(recorded);
  const voice = await loadVoice({
    model: settings.model,
    template: settings.template,
    args: settings.templateArgs ?? {},
    now: started,
  });
  const training = trainingSettings(settings, { data: '', adapter: start, seed: settings.seed });
  const mix = settings.mix === null ? [] : (await readSoundTriplets(settings.mix)).triplets;
  requireLearnable(training, mix);
  const folder = recorded && given.judge === undefined ? await recordedFolder(recorded) : process.cwd();
  const circumstances = {
    ...(await filesOf(settings, start)),
    tokenizer: voice.tokenizer.fingerprint,
    // Those of the optional prompts that the method trains with; a template that lacks one is refused here.
    template: usedTemplate({ template: voice.template, triplets: everyKind, positions: [0, 1] }, training),
    ...(await nameOfJudge(settings, folder, options)),
    folder,
    started: started.toISOString(),
  };
  if (recorded) {
    const around = circumstanceDifferences(onlineCircumstances, circumstances, recorded);
    refuseDifferences(out, [...differences, ...around]);
  }
  return { ...settled, voice, mix, circumstances };
}

const nameOfJudge = (
  settings: OnlineSettings,
  folder: string,
  options: OnlineOptions,
): Promise<Pick<OnlineCircumstances, 'judge_name' | 'judge_fingerprint'>> =>
  withJudge({ settings, circumstances: { folder }, options }, ({ name, fingerprint }) => ({
    judge_name: name,
    judge_fingerprint: fingerprint,
  }));

/** The judge's files go into the run directory, which is not one before its record is written: here it has none. */
async function withJudge<T>(
  {
    settings,
    circumstances: { folder },
    options,
  }: Pick<Read, 'settings' | 'options'> & { readonly circumstances: { readonly folder: string } },
  use: (judge: Judge) => T | Promise<T>,
): Promise<T> {
  const judge = await judgeOf(settings, { path: null, folder }, options);
  try {
    return await use(judge);
  } finally {
    if (judge !== options.judgeWith) await judge.close();
  }
}

interface Opened extends Read {
  readonly speakers: Speakers;
  readonly engine: EngineDescription;
  readonly instructions: RunInstructions;
}

async function openModel(read: Read, open: OpenThings): Promise<Opened> {
  const { settings, start, voice, options } = read;
  const { model, seed } = settings;
  const local = openSpeakers({ model, seed, ...computeOf(settings), openEngine: options.openEngine }, voice);
  const speakers =
    settings.responses === null ? local : served({ ...read, local, responses: settings.responses });
  open.add(() => speakers.close());
  const about = await speakers.about(start);
  const engine = about.describe();
  const instructions = await readRunInstructions(settings, voice, engine.maxPositions);
  const opened = { ...read, speakers, engine, instructions };
  await withJudge(opened, (judge) => requireRoundsFit(opened, about, judge));
  return opened;
}

const served = ({
  settings,
  voice,
  options,
  claim,
  local,
  responses,
}: Read & {
  readonly local: Speakers;
  readonly responses: string;
}): Speakers =>
  openServedSpeakers(
    { ...settings, responses },
    {
      ...{ local, voice, signal: options.signal },
      replies: join(claim.path, 'responses.jsonl'),
      onNote: (note) => options.on?.({ kind: 'note', note }),
    },
  );

export interface Begun extends Opened {
  readonly path: string;
  readonly history: History;
  readonly judge: Judge;
  /** TensorBoard's events of this session; null where none are asked for. */
  readonly events: EventLog | null;
  /** What the user should know. */
  readonly notes: readonly Note[];
}

/** Begins the run in its folder, or goes on there: the first stage that writes. */
async function begin(opened: Opened, open: OpenThings): Promise<Begun> {
  const { claim, settings, circumstances, options } = opened;
  const { path } = claim;
  const beginning = await claim.begin(await makeOnlineRecord(settings, circumstances));
  const folders = await readdir(join(path, 'rounds')).catch(() => []);
  for (const name of folders) await removeLeftovers(join(path, 'rounds', name));
  const history = await openHistory(join(path, 'events.jsonl'));
  open.add(() => history.close());
  const judge = await judgeOf(settings, { path, folder: circumstances.folder }, options);
  open.add(() => judge.close());
  const events = settings.loggingDir === null ? null : await openEventLog(settings.loggingDir);
  if (events) open.add(() => events.close());
  const notes = [...beginning.notes, ...notesOn(opened, history), ...notesOf(opened)];
  return { ...opened, path, history, judge, events, notes };
}

function notesOn({ claim, circumstances, mode, out }: Opened, history: History): Note[] {
  const notes: Note[] = [];
  if (history.repaired)
    notes.push(note('JOURNAL_REPAIRED', 'The last line of events.jsonl had been cut off; it was removed.'));
  const [before, now] = [claim.recorded?.run['judge_name'], circumstances.judge_name];
  if (claim.recorded && before !== now)
    notes.push(note('OTHER_JUDGE', `The run began with the judge ${String(before)}, this is ${now}.`));
  if (mode === 'resume' && !claim.recorded) notes.push(nothingToResume(out));
  return notes;
}

/** What is said of the model and of the instructions. */
const notesOf = ({ engine, instructions }: Opened): Note[] => [
  ...(engine.notes ?? []),
  ...instructions.notes,
];

const about = ({ settings, engine, circumstances, instructions }: Opened) => ({
  settings,
  engine,
  judge: circumstances.judge_name,
  training: instructions.training.length,
  heldOut: instructions.heldOut.length,
});

async function rehearsedPlan(opened: Opened): Promise<OnlinePlan> {
  const { options, settings, instructions } = opened;
  const estimate = options.judgeWith ? null : await estimateOnline(settings, instructions);
  return { ...about(opened), doneRounds: 0, estimate, notes: notesOf(opened) };
}

const planOf = (begun: Begun): OnlinePlan => ({
  ...about(begun),
  estimate: null,
  doneRounds: roundsDone(begun.history),
  notes: begun.notes,
});

/**
 * The judge of the run; `path` is the run directory, where a chat server's replies are kept, or null for nowhere; a
 * command runs in `folder`.
 */
async function judgeOf(
  settings: OnlineSettings,
  { path, folder }: { readonly path: string | null; readonly folder: string },
  { judgeWith, on, openPage }: OnlineOptions,
): Promise<Judge> {
  if (judgeWith) return judgeWith;
  return openJudge(settings.judge, {
    ...judgeSettingsOf(settings),
    cache: path === null ? null : (settings.judgeCache ?? join(path, 'replies.jsonl')),
    ...computeOf(settings),
    seed: settings.seed,
    cwd: folder,
    ...(openPage && { openPage }),
    // Opened for its name alone it says nothing: it will say the same when the run begins.
    onNote: (note) => path !== null && on?.({ kind: 'note', note }),
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
  const rows = all.map((instruction, i) => ({ id: String(i), ...promptOf(instruction), output }));
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
