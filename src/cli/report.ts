// whetstone report: a run as one page, and what verbs say when a run is over: the page, and how to go on. A report that fails
// makes no run fail.
import { basename, join, resolve } from 'node:path';
import { reportTable } from '../options/verbs/evaluating.ts';
import type { RunReportSettings } from '../run-report/index.ts';
import { reasonOf } from '../words/system-errors.ts';
import type { Given, Verb } from './flags.ts';
import type { Screen, VerbContext } from './screen.ts';
import { interruption } from './signals.ts';

export const reportVerb: Verb<typeof reportTable> = {
  name: 'report',
  summary: 'Show a run as one HTML page',
  about: `What was learned, which words the judgments are about, responses before and after, curves,
the settings that matter, and lines to copy for using the adapter with PEFT, vLLM, llama.cpp
and Ollama. The page is one file that loads nothing.

A run that is going on or was stopped is shown as far as it is. Of a finished run the model is
opened without and with its adapter, on a few rows and instructions and for at most
--report_seconds, so that it takes seconds; what that leaves out, the page says.

The adapter's folder gets a model card, README.md with the hub's metadata: data, method, settings,
figures, how it is used. A card that somebody edited is left as it is. --evaluation DIR adds what
"whetstone evaluate" measured of the adapter.

The folder of "whetstone evaluate" becomes a page of its figures with their intervals.`,
  examples: [
    ['report ./run', 'the page of a run, in ./run/report.html'],
    ['report ./run --eval_data held-out.jsonl', 'measured on judged rows that were not trained on'],
    ['report ./run --evaluation ./eval', 'with what "whetstone evaluate" found in the model card'],
    ['report ./run --report_prompts prompts.txt --out page.html', 'responses to prompts of your own'],
  ],
  table: reportTable,
  required: () => ['run'],
  together: () => [],
};

export async function runReport(
  { given }: Given<typeof reportTable>,
  { screen, openEngine }: VerbContext,
): Promise<number> {
  const { reportRun } = await import('../run-report/index.ts');
  const { run, ...settings } = given;
  const stop = interruption();
  try {
    const about = {
      ...settings,
      signal: stop.signal,
      openEngine,
      onNote: screen.note,
      onProgress: looks(screen),
    };
    const report = await reportRun(run!, about).finally(() => screen.endProgress());
    screen.result('report', { report }, `report in ${report}`);
    return 0;
  } catch (error) {
    if (!stop.signal.aborted) throw error;
    screen.tell('stopped', {}, 'Stopped; no page was written.');
    return stop.exitCode();
  } finally {
    stop.dispose();
  }
}

/** Writes the page of a run that is over, or says in a note why there is none. Null then. */
export async function reportAtEnd(
  run: string,
  settings: RunReportSettings,
  screen: Screen,
): Promise<string | null> {
  const { reportRun } = await import('../run-report/index.ts');
  try {
    const about = { ...settings, onNote: screen.note, onProgress: looks(screen) };
    return await reportRun(run, about).finally(() => screen.endProgress());
  } catch (error) {
    // A person who does not want to wait gets the page without what the model would show.
    if (settings.signal?.aborted && settings.reportSeconds !== 0)
      return reportAtEnd(run, { ...settings, signal: undefined, reportSeconds: 0 }, screen);
    screen.aside('no_report', `note The report, or the model card, was not written: ${reasonOf(error)}`);
    return null;
  }
}

const looks =
  (screen: Screen) =>
  (done: number, total: number): void =>
    screen.progress({ what: 'report: look at the model', done, total });

/** The page, if there is one, and how to go on with the adapter, a line for each program. */
export async function tellNext(
  screen: Screen,
  report: string | null,
  places: { readonly adapter: string; readonly model: string; readonly template: string },
): Promise<void> {
  const { nextLines, readTrained } = await import('../run-report/index.ts');
  const trained = await readTrained({ ...places, templateOption: places.template }).catch(() => null);
  const lines = trained === null ? [] : nextLines(trained);
  const words = [...(report === null ? [] : [`report in ${report}`]), ...wordsOf(lines, screen)];
  if (words.length > 0) screen.tell('next', { report, next: Object.fromEntries(lines) }, words.join('\n'));
}

/** A merged model no longer says with which template its adapter was trained. */
export async function tellNextMerged(screen: Screen, folder: string, adapter: string): Promise<void> {
  const { nextLinesMerged } = await import('../run-report/index.ts');
  const { readTemplateRecord } = await import('../tokens/index.ts');
  const { adapterFolder } = await import('../runs/adapter-folder.ts');
  const record = await adapterFolder(adapter)
    .then(readTemplateRecord)
    .catch(() => null);
  // Of a file only the name is known, not where it lies.
  const template = record?.strings ? join('PATH', basename(record.template)) : (record?.template ?? null);
  const lines = nextLinesMerged(resolve(folder), template);
  screen.tell('next', { next: Object.fromEntries(lines) }, wordsOf(lines, screen).join('\n'));
}

const wordsOf = (lines: readonly (readonly [string, string])[], { colors }: Screen): string[] =>
  lines.length === 0
    ? []
    : ['next', ...lines.map(([program, line]) => `  ${colors.dim(program.padEnd(12))} ${line}`)];
