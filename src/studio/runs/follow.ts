// One run that is looked at: what its folder says, read again as it grows. Knows the library, not who looks.
import { join } from 'node:path';
import { stat } from 'node:fs/promises';
import { shellWord } from '../../words/shell.ts';
import { keySettings } from '../../run-report/key-settings.ts';
import { readCourse } from '../../run-report/online.ts';
import type { RunKind } from '../../runs/claim.ts';
import { recordFile } from '../../runs/record.ts';
import type { RunRecord } from '../../runs/record.ts';
import type { RunCurves, RunRounds, RunSetting, RunState } from '../api/runs.ts';
import { noSuchRun } from './folder.ts';
import { readHead, rowOf } from './glance.ts';
import type { RunHead } from './glance.ts';
import { openStepReader, stepFiles } from './step-files.ts';
import { curvesOf } from './step-table.ts';
import type { Stretch } from './step-table.ts';

export interface FollowedRun {
  /** Reads what is new. Throws WhetstoneError `NO_SUCH_RUN` where the folder holds no run any more. */
  readonly state: () => Promise<RunState>;
  readonly curves: (stretch: Partial<Stretch>) => Promise<RunCurves>;
}

const shownAnswers = 8;
/** Steps whose own time tells how long the others will take. */
const timedSteps = 20;
const defaultPoints = 600;

export function followRun(dir: string, name: string): FollowedRun {
  let head: RunHead | null = null;
  // A page compares it with what a studio told it that has ended since.
  let revision = Date.now();
  let rounds: { readonly complete: number; readonly shown: RunRounds | null } | null = null;
  const reader = openStepReader(async () => (head === null ? [] : stepFiles(dir, head.kind)));
  const readRounds = async (complete: number): Promise<RunRounds | null> => {
    if (complete === 0) return null;
    const known =
      rounds?.complete === complete
        ? rounds
        : { complete, shown: await readCourse(dir, complete, shownAnswers).catch(() => null) };
    rounds = known;
    return known.shown;
  };
  const refresh = async (): Promise<RunHead> => {
    head = await readHead(dir, name);
    if (head === null) throw noSuchRun(name);
    if (await reader.refresh()) revision++;
    return head;
  };
  return {
    state: async () => {
      const now = await refresh();
      const [table, before] = [reader.table(), reader.before()];
      const count = table.count();
      const last = (column: string): number => table.valueAt(column, count - 1);
      const own = count - before;
      const seen = {
        trend: [],
        last:
          own === 0
            ? null
            : {
                step: table.stepAt(count - 1) - (before === 0 ? 0 : table.stepAt(before - 1)),
                ...{ loss: last('loss'), learning_rate: last('learning_rate'), epoch: last('epoch') },
              },
        changed: (await stat(recordFile(dir))).mtimeMs,
        rounds: now.kind === 'online' ? (await stepFiles(dir, now.kind)).length : 1,
      };
      const run = rowOf(now, seen);
      const problem = run.problem ?? reader.problem();
      const { record } = now;
      return {
        run: { ...run, problem },
        revision,
        steps: count,
        secondsLeft: now.standing === 'going on' ? secondsLeft(run.totalSteps, seen.last?.step ?? 0) : null,
        quantities: table.names(),
        settings: record === null ? [] : settingsOf(record, now.kind),
        rounds: now.kind === 'online' ? await readRounds(await completeRounds(dir)) : null,
        notes: [],
        command: `whetstone ${now.kind} --out ${shellWord(dir)} --resume`,
        versions: versionsOf(record),
      };
    },
    curves: async ({ from, to, points = defaultPoints }) => {
      await refresh();
      const table = reader.table();
      const end = table.count() === 0 ? 0 : table.stepAt(table.count() - 1);
      return curvesOf(table, { from: from ?? 0, to: to ?? end, points }, revision);
    },
  };

  /** Steps that are left, each as long as the last ones took by themselves. */
  function secondsLeft(total: number | null, done: number): number | null {
    const table = reader.table();
    const count = table.count();
    if (total === null || done === 0) return null;
    let [seconds, known] = [0, 0];
    for (let row = Math.max(0, count - timedSteps); row < count; row++) {
      const own = table.valueAt('response_tokens', row) / table.valueAt('tokens_per_second', row);
      if (Number.isFinite(own)) [seconds, known] = [seconds + own, known + 1];
    }
    return known === 0 ? null : Math.max(0, total - done) * (seconds / known);
  }
}

/** Rounds whose responses and held-out responses are all there; they come in order. */
async function completeRounds(dir: string): Promise<number> {
  for (let round = 1; ; round++) {
    const judged = await stat(join(dir, 'rounds', String(round), 'judged.jsonl')).catch(() => null);
    const trained = await stat(join(dir, 'rounds', String(round), 'training', 'adapter')).catch(() => null);
    if (judged === null || trained === null) return round - 1;
  }
}

function settingsOf({ settings }: RunRecord, kind: string): RunSetting[] {
  let matters: readonly string[];
  try {
    matters = keySettings(settings, kind as RunKind);
  } catch {
    // A method that this program does not know has no defaults here.
    matters = Object.keys(settings).filter((name) => settings[name] !== null);
  }
  const all = Object.keys(settings).map((name): RunSetting => {
    const value = settings[name];
    const text = typeof value === 'string' ? value : JSON.stringify(value ?? null);
    return { name, value: text, matters: matters.includes(name) };
  });
  return [...all.filter((one) => one.matters), ...all.filter((one) => !one.matters)];
}

const versionsOf = (record: RunRecord | null): Record<string, string> => {
  const versions: unknown = record?.run['versions'];
  if (typeof versions !== 'object' || versions === null) return {};
  return Object.fromEntries(Object.entries(versions).map(([name, value]) => [name, String(value)]));
};
