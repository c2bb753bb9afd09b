// A judge model from judged triplets: rows with their decisions, a run of `align` with method critique inside the run
// directory, and a test on the judgments kept back. Knows the order of these things and what a kill must not lose.
import { computeOf, forEngine } from '../engine/open-weights.ts';
import type { ComputeSettings } from '../engine/open-weights.ts';
import { copyFile, readdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { align } from '../alignment/align.ts';
import type { AlignmentRun } from '../alignment/align.ts';
import { claimRun } from '../runs/claim.ts';
import type { RunClaim } from '../runs/claim.ts';
import type { RunRecord } from '../runs/record.ts';
import { dataDigest } from '../runs/digests.ts';
import type { OpenEngine } from '../engine/engine.ts';
import type { StepRecord } from '../alignment/metrics.ts';
import { checkOptions, requireNew } from '../options/check.ts';
import { settingsForRecord, settingsOfRecord } from '../options/record.ts';
import { settingDifferences, settingsToResume } from '../options/resume.ts';
import type { AlignmentPlan } from '../alignment/plan.ts';
import { recordedTemplate } from '../alignment/record.ts';
import { openMode, refuseDifferences } from '../runs/resume.ts';
import { versions } from '../runs/versions.ts';
import { resolveSettings } from '../alignment/settings.ts';
import type { AlignSettings } from '../alignment/settings.ts';
import { makeFolder, writeDirectoryDurably } from '../durable/files.ts';
import { WhetstoneError } from '../errors.ts';
import {
  labelOf,
  readSoundTriplets,
  readTriplets,
  rowsIn,
  writeLeftOut,
  writeTriplets,
} from '../judgments/index.ts';
import type { LeftOut, Triplet } from '../judgments/index.ts';
import type { DecisionWords } from '../judges/local/decision.ts';
import { canSpell } from '../judges/local/judge-model.ts';
import { loadVoice } from '../generation/index.ts';
import { recordedAgreement } from '../judges/local/agreement.ts';
import type { Agreement } from '../judges/local/agreement.ts';
import { testJudge } from './held-out.ts';
import { noRows, splitByInstruction, withDecisionRow } from './rows.ts';
import { judgeDefaults, judgeRunTable, splitSettings, trainJudgeEntry } from './settings.ts';
import type { JudgeOwnSettings, JudgeTrainingSettings } from './settings.ts';
import { option } from '../words/option.ts';

export interface TrainJudgeOptions extends Partial<Omit<JudgeTrainingSettings, 'method'>> {
  /** Run directory. */
  readonly out: string;
  /** Go on with the run in `out`; starts it if there is none yet. */
  readonly resume?: boolean;
  /** Start anew although `out` holds a run, which is moved aside to OUT.old-N. */
  readonly overwrite?: boolean;
  /** Stops after the step or the reply under way. */
  readonly signal?: AbortSignal;
  /** In place of the ONNX engine. */
  readonly openEngine?: OpenEngine;
}

export interface JudgeTrainingPlan extends AlignmentPlan {
  /** Rows kept back for the test. */
  readonly heldOut: number;
}

export interface JudgeTraining extends AsyncIterable<StepRecord, void, undefined> {
  /** Reads everything and opens the engine, without a step; iterating does it first if it was not done. */
  prepare(): Promise<JudgeTrainingPlan>;
  /** After training: tests the judge on the rows kept back. Null where none were. */
  evaluate(onReply?: (done: number, total: number) => void): Promise<Agreement | null>;
  /** Ends the run and frees the engine; safe to call more than once. */
  dispose(): Promise<void>;
}

/**
 * Trains a judge model: iterate to train, then `evaluate`. OUT then holds run.yaml, data/ (what it learned from and
 * what was kept back), training/ (a run of `align`), adapter/, held-out.jsonl and agreement.json. A run that was
 * killed goes on with `resume` and ends the same.
 *
 * Throws WhetstoneError for everything that a user can put right.
 */
export function trainJudge(options: TrainJudgeOptions): JudgeTraining {
  let preparing: Promise<Prepared> | undefined;
  let disposed: Promise<void> | undefined;
  const prepared = (): Promise<Prepared> => (preparing ??= prepare(options));
  const { out, signal, openEngine } = options;
  const adapter = join(out, 'adapter');
  return {
    prepare: async () => (await prepared()).plan,
    [Symbol.asyncIterator]: async function* () {
      const { run, training, plan } = await prepared();
      if (!plan.finished) yield* run;
      if (signal?.aborted) return;
      await run.dispose();
      if (!(await exists(adapter))) await copyAdapter(join(training, 'adapter'), adapter);
    },
    evaluate: async (onReply) => {
      const { own, compute } = await prepared();
      const known = await recordedAgreement(out);
      if (known) return known;
      return testJudge(out, dataOf(out).heldOut, {
        maxTokens: own.maxNewTokens,
        openEngine,
        ...compute,
        ...(signal && { signal }),
        ...(onReply && { onReply }),
      });
    },
    dispose: () =>
      (disposed ??= (async () => {
        const ready = await preparing?.catch(() => undefined);
        await ready?.run.dispose();
        await ready?.claim.release();
      })()),
  };
}

interface Prepared {
  readonly plan: JudgeTrainingPlan;
  readonly run: AlignmentRun;
  readonly training: string;
  readonly claim: RunClaim;
  readonly own: JudgeOwnSettings;
  readonly compute: ComputeSettings;
}

/** train.jsonl is written last: where it is, both are whole. */
const dataOf = (out: string): { dir: string; train: string; heldOut: string } => ({
  dir: join(out, 'data'),
  train: join(out, 'data', 'train.jsonl'),
  heldOut: join(out, 'data', 'held-out.jsonl'),
});

async function prepare(options: TrainJudgeOptions): Promise<Prepared> {
  const { signal, openEngine } = options;
  const { out = '', resume = false, overwrite = false, ...given } = checkOptions(trainJudgeEntry, options);
  const claim = await claimRun(out, openMode({ resume, overwrite }), 'train-judge', { signal });
  let run: AlignmentRun | undefined;
  try {
    const settings = await resolveGiven(given, claim.recorded, options);
    const { own, training } = splitSettings(settings.all);
    const words = { yes: own.yes!, no: own.no! };
    const rows = await readRows(settings.given, own.heldOut!, words, out, claim);
    const record = claim.recorded ?? (await makeRecord(settings.given, rows));
    const begun = await claim.begin(record);
    const data = dataOf(out);
    if (rows.fresh) {
      await makeFolder(data.dir);
      if (rows.fresh.leftOut.length > 0) await writeLeftOut(join(out, 'left-out.jsonl'), rows.fresh.leftOut);
      await writeTriplets(data.heldOut, rows.fresh.heldOut, { overwrite: true });
      await writeTriplets(data.train, rows.fresh.train, { overwrite: true });
    }
    const inner = join(out, 'training');
    const started = await exists(join(inner, 'run.yaml'));
    run = align({
      ...(started ? splitSettings(given).training : splitSettings(settings.given).training),
      method: 'critique',
      data: data.train,
      checked: true,
      out: inner,
      resume: started,
      ...(signal && { signal }),
      ...(openEngine && { openEngine }),
    });
    const plan = await run.prepare();
    const heldOut = rows.fresh?.heldOut.length ?? (await countRows(data.heldOut));
    return {
      plan: {
        ...plan,
        rows: { ...plan.rows, invalid: invalidIn(record) },
        heldOut,
        notes: [...begun.notes, ...plan.notes],
      },
      run,
      training: inner,
      claim,
      own: own as JudgeOwnSettings,
      compute: computeOf(training),
    };
  } catch (error) {
    await run?.dispose();
    await claim.release();
    throw error;
  }
}

type Given = Partial<JudgeTrainingSettings>;

/**
 * What was given, with what the record says where the run goes on, and all of it with defaults filled in. Throws
 * `RESUME_MISMATCH` and `INVALID_OPTIONS`.
 */
async function resolveGiven(
  given: Given,
  recorded: RunRecord | null,
  options: TrainJudgeOptions,
): Promise<{ given: Given; all: JudgeTrainingSettings }> {
  const { out } = options;
  if (!recorded) requireNew(trainJudgeEntry, options);
  const before = recorded && settingsOfRecord(judgeRunTable, recorded.settings);
  const merged: Given = { ...given, ...before };
  const resolved = (some: Given): JudgeTrainingSettings => ({
    ...judgeDefaults,
    ...resolveSettings({
      ...(splitSettings({ ...merged, ...some }).training as AlignSettings),
      method: 'critique',
    }),
    ...splitSettings(some).own,
  });
  if (!before) return { given: merged, all: resolved(merged) };
  const differences = settingDifferences<JudgeTrainingSettings>(judgeRunTable, given, resolved(before));
  if (given.data != null && (await dataDigest(given.data)) !== recorded.run['data'])
    differences.push('data: the file has other content than when the run began');
  refuseDifferences(out, differences);
  return {
    given: merged,
    all: forEngine(settingsToResume<JudgeTrainingSettings>(judgeRunTable, given, resolved(before)), given),
  };
}

async function makeRecord(given: Given, { digest, fresh }: Rows): Promise<RunRecord> {
  const invalid = rowsIn(fresh?.leftOut ?? []);
  const template = given.template === undefined ? {} : { template: recordedTemplate(given.template) };
  return {
    settings: settingsForRecord(judgeRunTable, { ...judgeDefaults, ...given, ...template }),
    run: {
      versions: await versions(),
      data: digest,
      ...(invalid > 0 && { rows_left_out: { invalid } }),
      started: new Date().toISOString(),
    },
  };
}

/** Rows that were left out because data check refuses them. */
const invalidIn = ({ run }: RunRecord): number =>
  (run['rows_left_out'] as { readonly invalid: number } | undefined)?.invalid ?? 0;

interface Rows {
  readonly digest: string;
  /** Null where the run has its rows already. */
  readonly fresh: {
    readonly train: readonly Triplet[];
    readonly heldOut: readonly Triplet[];
    readonly leftOut: readonly LeftOut[];
  } | null;
}

async function readRows(
  { data, model, template = 'alpaca', templateArgs, skipInvalid }: Given,
  share: number,
  words: DecisionWords,
  out: string,
  { recorded }: RunClaim,
): Promise<Rows> {
  if (recorded && (await exists(dataOf(out).train)))
    return { digest: recorded.run['data'] as string, fresh: null };
  const digest = await dataDigest(data!);
  if (recorded && recorded.run['data'] !== digest)
    refuseDifferences(out, ['data: the file has other content than when the run began']);
  const { triplets, leftOut } = await readSoundTriplets(data!, { skipInvalid });
  const voice = await loadVoice({ model: model!, template, args: templateArgs ?? {} });
  const { tokenizer } = voice;
  const { praise } = voice.template;
  for (const [name, word] of Object.entries(words) as ['yes' | 'no', string][]) {
    if (word.trim() === '' || words.yes.toLowerCase() === words.no.toLowerCase())
      throw wrongWord(name, 'expected two words that differ');
    if (!(await canSpell(tokenizer, `\n${word}`)))
      throw wrongWord(name, `the model's tokenizer cannot spell ${JSON.stringify(word)}`);
  }
  const rows = splitByInstruction(triplets, share);
  const { train, heldOut } = rows;
  const without = [train.length === 0 && 'to learn from', heldOut.length === 0 && share > 0 && 'to test on'];
  if (without.some(Boolean)) {
    throw new WhetstoneError(
      'UNSUITABLE_DATA',
      `held_out ${share} leaves no rows ${without.filter(Boolean).join(' and none ')}; the file has ${triplets.length}`,
      { file: data!, hint: 'Give more rows, or another share; 0 tests nothing.' },
    );
  }
  const kinds = new Set(train.map(labelOf));
  if (kinds.size < 2) {
    const all = kinds.has('align-p') ? 'satisfactory' : 'unsatisfactory';
    throw new WhetstoneError(
      'UNSUITABLE_DATA',
      `all rows to learn from are ${all}, so there is nothing to decide`,
      {
        file: data!,
        hint: 'A judge needs rows of both kinds. Run "whetstone data check" on the file to see how they are labelled.',
      },
    );
  }
  return {
    digest,
    fresh: { train: train.map((row) => withDecisionRow(row, praise, words)), heldOut, leftOut },
  };
}

const wrongWord = (field: string, message: string): WhetstoneError =>
  new WhetstoneError('INVALID_OPTIONS', message, {
    field,
    hint: `Choose the last lines of judgments with ${option('yes')} and ${option('no')}, in words that the model has.`,
  });

const countRows = async (file: string): Promise<number> =>
  (await exists(file)) ? (await readTriplets(file).catch(noRows)).triplets.length : 0;

const copyAdapter = (from: string, to: string): Promise<void> =>
  writeDirectoryDurably(to, async (dir) => {
    for (const name of await readdir(from)) await copyFile(join(from, name), join(dir, name));
  });

const exists = (path: string): Promise<boolean> =>
  stat(path).then(
    () => true,
    () => false,
  );
