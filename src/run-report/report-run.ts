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
import type { Note } from '../words/note.ts';
import { note } from '../words/note.ts';
import { option, spellOptions } from '../words/option.ts';
import { shellWord } from '../words/shell.ts';
import { describeSystemError, isSystemError } from '../words/system-errors.ts';
import { alignReport } from './align.ts';
import { cardFacts } from './card-facts.ts';
import { cardFile, writeCard } from './card-file.ts';
import { evaluationOf, evaluationReport } from './evaluation.ts';
import { readRunFacts } from './facts.ts';
import type { RunFacts } from './facts.ts';
import { keySettings } from './key-settings.ts';
import { learned } from './learned.ts';
import { measure } from './measure.ts';
import { modelCard } from './model-card.ts';
import type { CardFacts } from './model-card.ts';
import { onlineReport } from './online.ts';
import { readSamples } from './samples.ts';
import { resolveReport } from './settings.ts';
import type { ReportSettings, ResolvedReport } from './settings.ts';
import { readTrained } from './trained.ts';
import type { Trained } from './trained.ts';
import { useIt } from './use-it.ts';

/** As `whetstone report` has them. */
export interface RunReportSettings extends Partial<ReportSettings> {
  /** Stops; the call then throws the signal's reason, and nothing is written. */
  readonly signal?: AbortSignal | undefined;
  /** Hears of a model card that is left as it is. */
  readonly onNote?: ((note: Note) => void) | undefined;
  /** Hears how much of what the model is asked is there. */
  readonly onProgress?: ((done: number, total: number) => void) | undefined;
  /** In place of the engine on ONNX Runtime. */
  readonly openEngine?: OpenEngine | undefined;
}

/**
 * Writes the report of the run, or of the evaluation, in the folder `dir` and returns the page's path; of a finished run
 * the model card in its adapter's folder as well, unless somebody edited it. An online run's page shows the rounds
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
  const { report, card } = await lookInto(dir, settings);
  await writeFileDurably(path, renderReport(report));
  if (card !== null && !(await writeCard(join(dir, 'adapter'), modelCard(card))))
    settings.onNote?.(
      note(
        'CARD_KEPT',
        `${cardFile(join(dir, 'adapter'))} was written or edited by somebody, and is left as it is.`,
      ),
    );
  return path;
}

/** The run, or the evaluation, in the folder `dir` as a report shows it. */
export async function runReport(dir: string, settings: RunReportSettings = {}): Promise<ReportData> {
  return (await lookInto(dir, settings)).report;
}

/** The report, and what the card of a finished run's adapter says; null where there is none. */
async function lookInto(
  dir: string,
  settings: RunReportSettings,
): Promise<{ readonly report: ReportData; readonly card: CardFacts | null }> {
  const resolved = resolveReport(settings);
  const date = `${new Date().toISOString().slice(0, 16).replace('T', ' ')} UTC`;
  const evaluation = await evaluationReport(dir);
  if (evaluation !== null) return { report: { ...evaluation, date }, card: null };
  const facts = await readRunFacts(dir);
  const { settings: recorded, run } = facts.record;
  const kind = (run['kind'] as RunKind | undefined) ?? 'align';
  const shown = await shownOf(kind, facts);
  const finished = await exists(join(dir, 'adapter'));
  const looked = finished && kind !== 'train-judge' ? await lookAt(kind, facts, resolved, settings) : {};
  const { heldOut = null, report: { headline, notes, ...others } = {} } = looked;
  const trained = finished ? await trainedOf(facts, resolved) : null;
  const evaluated =
    resolved.evaluation === null ? [] : await evaluationOf(resolved.evaluation, join(dir, 'adapter'));
  const report: ReportData = {
    ...shown,
    ...others,
    headline: { ...headline, ...shown.headline },
    notes: [...(shown.notes ?? []), ...(notes ?? [])],
    date,
    settings: recorded as Readonly<Record<string, SettingValue>>,
    keySettings: keySettings(recorded, kind),
    ...(finished && { use: trained === null ? [] : useIt(trained) }),
    provenance: {
      command: `whetstone ${kind} --out ${shellWord(dir)} --resume`,
      versions: run['versions'] as Readonly<Record<string, string>>,
    },
  };
  return {
    report,
    card: trained === null ? null : await cardFacts({ facts, kind, trained, report, heldOut, evaluated }),
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
): Promise<{ readonly report?: Partial<ReportData>; readonly heldOut?: string | null }> {
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
    return {
      report: { ...learned(measured, samples), notes: [...samples.notes, ...asides.map(asFlag)] },
      heldOut: samples.heldOut,
    };
  } catch (error) {
    signal?.throwIfAborted();
    if (asked.evalData !== null || asked.reportPrompts !== null || asked.model !== null) throw error;
    return { report: { notes: [`What the model itself would show is left out: ${asFlag(reason(error))}.`] } };
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

/** Null where the adapter does not say what it is. */
function trainedOf({ dir, record }: RunFacts, { model }: ResolvedReport): Promise<Trained | null> {
  const template = record.run['template'] as TemplateStrings | undefined;
  return readTrained({
    adapter: join(dir, 'adapter'),
    model: model ?? String(record.settings['model']),
    templateOption: record.settings['template'] as string | undefined,
    recordedPrompt: template?.plain,
  });
}
