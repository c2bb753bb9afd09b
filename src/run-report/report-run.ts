// The report page of a run, from its folder alone, finished or still going on. Knows which kinds of runs there are;
// what each shows is their own files' business, and the page is drawn by src/report.
import { join } from 'node:path';
import { writeFileDurably } from '../durable/files.ts';
import { renderReport } from '../report/index.ts';
import type { ReportData, SettingValue } from '../report/index.ts';
import type { RunKind } from '../runs/claim.ts';
import { shellWord } from '../words/shell.ts';
import { alignReport } from './align.ts';
import { readRunFacts } from './facts.ts';
import type { RunFacts } from './facts.ts';
import { onlineReport } from './online.ts';

export interface RunReportSettings {
  /** The page; by default report.html in the run's folder. */
  readonly out?: string;
}

/**
 * Writes the report of the run in the folder `dir` and returns the page's path. An online run's page shows the rounds
 * that are complete; one without any is shown as a training.
 *
 * Throws WhetstoneError `BAD_RUN` where the folder holds no run, or a damaged one.
 */
export async function reportRun(dir: string, settings: RunReportSettings = {}): Promise<string> {
  const { out = join(dir, 'report.html') } = settings;
  await writeFileDurably(out, renderReport(await runReport(dir)));
  return out;
}

/** The run in the folder `dir` as a report shows it. */
export async function runReport(dir: string): Promise<ReportData> {
  const facts = await readRunFacts(dir);
  const { settings, run } = facts.record;
  const kind = (run['kind'] as RunKind | undefined) ?? 'align';
  return {
    ...(await shown(kind, facts)),
    date: `${new Date().toISOString().slice(0, 16).replace('T', ' ')} UTC`,
    settings: settings as Readonly<Record<string, SettingValue>>,
    provenance: {
      command: `whetstone ${kind} --out ${shellWord(dir)} --resume`,
      versions: run['versions'] as Readonly<Record<string, string>>,
    },
  };
}

async function shown(kind: RunKind, facts: RunFacts): Promise<Omit<ReportData, 'date'>> {
  if (kind === 'online' && facts.steps.length > 0) return onlineReport(facts);
  if (kind !== 'train-judge') return alignReport(facts);
  const training = await readRunFacts(join(facts.dir, 'training'));
  return { ...(await alignReport(training)), title: 'A judge trained on written judgments' };
}
