// The report page of a run, from its folder, finished or still going on. Knows which kinds of runs there are and what needs
// the model; what each shows is their own files' business, and the page is drawn by src/report.
import { join, resolve } from 'node:path';
import { exists, writeFileDurably } from '../durable/files.ts';
import type { OpenEngine } from '../engine/engine.ts';
import { computeOf } from '../engine/open-weights.ts';
import type { ComputeSettings } from '../engine/open-weights.ts';
import { WhetstoneError, briefly } from '../errors.ts';
import { renderReport } from '../report/index.ts';
import type { ReportData, SettingValue } from '../report/index.ts';
import type { RunKind } from '../runs/claim.ts';
import type { TemplateStrings } from '../tokens/index.ts';
import { adapterFolder } from '../runs/adapter-folder.ts';
import { snakeCase } from '../options/names.ts';
import { option, spellOptions } from '../words/option.ts';
import { shellWord } from '../words/shell.ts';
import { describeSystemError, isSystemError } from '../words/system-errors.ts';
import { alignReport } from './align.ts';
import { evaluationReport } from './evaluation.ts';
import { readRunFacts } from './facts.ts';
import type { RunFacts } from './facts.ts';
import { keySettings } from './key-settings.ts';
import { learned } from './learned.ts';
import { measure } from './measure.ts';
import { onlineReport } from './online.ts';
import { readSamples } from './samples.ts';
import { resolveReport } from './settings.ts';
import type { ReportSettings, ResolvedReport } from './settings.ts';
import { readTrained } from './trained.ts';
import { useIt } from './use-it.ts';

/** As `whetstone report` has them. */
export interface RunReportSettings extends Partial<ReportSettings> {
  /** Stops; the call then throws the signal's reason, and nothing is written. */
  readonly signal?: AbortSignal | undefined;
  /** Hears how much of what the model is asked is there. */
  readonly onProgress?: ((done: number, total: number) => void) | undefined;
  /** In place of the engine on ONNX Runtime. */
  readonly openEngine?: OpenEngine | undefined;
}

/**
 * Writes the report of the run, or of the evaluation, in the folder `dir` and returns the page's path. An online run's page shows the rounds
 * that are complete; one without any is shown as a training. Of a finished run the model is opened, before and after, for
 * at most `reportSeconds` each way; what it cannot show (the model is gone, the time was over) the page says.
 *
 * Throws WhetstoneError `INVALID_OPTIONS`, `BAD_RUN` where the folder holds no run, or a damaged one, `OUT_EXISTS`, and what
 * reading the files throws that are given here.
 */
export async function reportRun(dir: string, settings: RunReportSettings = {}): Promise<string> {
  const { out, overwrite } = resolveReport(settings);
  const usual = join(dir, 'report.html');
  const path = out ?? usual;
  if (!overwrite && resolve(path) !== resolve(usual) && (await exists(path)))
    throw new WhetstoneError('OUT_EXISTS', 'this exists already', {
      file: path,
      hint: `Choose another ${option('out')}, or replace it with ${option('overwrite')}.`,
    });
  await writeFileDurably(path, renderReport(await runReport(dir, settings)));
  return path;
}

/** The run, or the evaluation, in the folder `dir` as a report shows it. */
export async function runReport(dir: string, settings: RunReportSettings = {}): Promise<ReportData> {
  const resolved = resolveReport(settings);
  const date = `${new Date().toISOString().slice(0, 16).replace('T', ' ')} UTC`;
  const evaluation = await evaluationReport(dir);
  if (evaluation !== null) return { ...evaluation, date };
  const facts = await readRunFacts(dir);
  const { settings: recorded, run } = facts.record;
  const kind = (run['kind'] as RunKind | undefined) ?? 'align';
  const shown = await shownOf(kind, facts);
  const finished = await exists(join(dir, 'adapter'));
  const looked = finished && kind !== 'train-judge' ? await lookAt(kind, facts, resolved, settings) : {};
  const { headline, notes, ...others } = looked;
  return {
    ...shown,
    ...others,
    headline: { ...headline, ...shown.headline },
    notes: [...(shown.notes ?? []), ...(notes ?? [])],
    date,
    settings: recorded as Readonly<Record<string, SettingValue>>,
    keySettings: keySettings(recorded, kind),
    ...(finished && { use: await useOf(facts, resolved) }),
    provenance: {
      command: `whetstone ${kind} --out ${shellWord(dir)} --resume`,
      versions: run['versions'] as Readonly<Record<string, string>>,
    },
  };
}

async function shownOf(kind: RunKind, facts: RunFacts): Promise<Omit<ReportData, 'date'>> {
  if (kind === 'online' && facts.steps.length > 0) return onlineReport(facts);
  if (kind !== 'train-judge') return alignReport(facts);
  const training = await readRunFacts(join(facts.dir, 'training'));
  return { ...(await alignReport(training)), title: 'A judge trained on written judgments' };
}

/** What the model shows, before and after. A run's own files may be gone; those that are given here have to be there. */
async function lookAt(
  kind: RunKind,
  facts: RunFacts,
  asked: ResolvedReport,
  { signal, onProgress, openEngine }: RunReportSettings,
): Promise<Partial<ReportData>> {
  const { settings } = facts.record;
  const seconds = asked.reportSeconds ?? Number(settings['report_seconds'] ?? 60);
  if (seconds === 0) return {};
  const model = asked.model ?? String(settings['model']);
  const after = join(facts.dir, 'adapter');
  const last = (facts.steps.at(-1) as { round?: number } | undefined)?.round;
  try {
    const samples = await readSamples(facts, {
      model,
      adapter: after,
      evalData: asked.evalData,
      reportPrompts: asked.reportPrompts,
      round: kind === 'online' ? (last ?? null) : null,
    });
    const measured = await measure({
      ...samples,
      model,
      before: await startOfRun(settings),
      after,
      compute: { ...computeOf(settings as ComputeSettings), ...asked.compute },
      seconds,
      signal,
      onProgress,
      openEngine,
    });
    const asides = measured.cut
      ? [
          `The model was asked for ${seconds} seconds, which was not enough for everything: ${option('reportSeconds')} gives it more.`,
        ]
      : [];
    return { ...learned(measured, samples), notes: [...samples.notes, ...asides.map(asFlag)] };
  } catch (error) {
    signal?.throwIfAborted();
    if (asked.evalData !== null || asked.reportPrompts !== null || asked.model !== null) throw error;
    return { notes: [`What the model itself would show is left out: ${asFlag(reason(error))}.`] };
  }
}

const reason = (error: unknown): string => {
  if (error instanceof WhetstoneError) return briefly(error);
  if (isSystemError(error)) return describeSystemError(error);
  return error instanceof Error ? error.message : String(error);
};

/** A page names options as the command line does. */
const asFlag = (text: string): string => spellOptions(text, (name) => `--${snakeCase(name)}`);

/** The adapter that a run began with. */
async function startOfRun(settings: Readonly<Record<string, unknown>>): Promise<string | null> {
  const from = settings['adapter'] ?? settings['from'] ?? null;
  return typeof from === 'string' ? adapterFolder(from) : null;
}

async function useOf(
  { dir, record }: RunFacts,
  { model }: ResolvedReport,
): Promise<ReturnType<typeof useIt>> {
  const template = record.run['template'] as TemplateStrings | undefined;
  const trained = await readTrained({
    adapter: join(dir, 'adapter'),
    model: model ?? String(record.settings['model']),
    templateOption: record.settings['template'] as string | undefined,
    recordedPrompt: template?.plain,
  });
  return trained === null ? [] : useIt(trained);
}
