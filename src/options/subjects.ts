// All settings, each once, by subject. A subject's name is the heading of its settings in --help. Knows no verb.
import { command } from './tables/command.ts';
import { compute } from './tables/compute.ts';
import { comparing, models, results, tasks } from './tables/evaluation.ts';
import { exporting } from './tables/exporting.ts';
import { engine } from './tables/engine.ts';
import { files, prompts, rows } from './tables/files.ts';
import { cost, judge, limits } from './tables/judging.ts';
import { learning, learningServer } from './tables/learning.ts';
import { method } from './tables/method.ts';
import { pushing } from './tables/pushing.ts';
import { reporting } from './tables/reporting.ts';
import { retaining } from './tables/retaining.ts';
import { roundFiles, rounds } from './tables/rounds.ts';
import { sampling } from './tables/sampling.ts';
import { server } from './tables/serving.ts';
import { studio } from './tables/studio.ts';
import { adapter, judgeTraining, optimization, run } from './tables/training.ts';

export const subjects: {
  readonly Files: typeof files & typeof roundFiles & typeof prompts;
  readonly Method: typeof method;
  readonly Retention: typeof retaining;
  readonly Adapter: typeof adapter;
  readonly Optimization: typeof optimization;
  readonly Data: typeof rows;
  readonly Run: typeof run;
  readonly Compute: typeof compute;
  readonly Report: typeof reporting;
  readonly Rounds: typeof rounds;
  readonly Sampling: typeof sampling;
  readonly Judge: typeof judge;
  readonly Limits: typeof limits;
  readonly Cost: typeof cost;
  readonly 'Judge training': typeof judgeTraining;
  readonly Comparing: typeof comparing;
  readonly Models: typeof models;
  readonly Tasks: typeof tasks;
  readonly Results: typeof results;
  readonly Server: typeof server;
  readonly Studio: typeof studio;
  readonly Command: typeof command;
  readonly Engine: typeof engine;
  readonly Export: typeof exporting;
  readonly Push: typeof pushing;
  readonly Learning: typeof learning & typeof learningServer;
} = {
  Files: { ...files, ...roundFiles, ...prompts },
  Method: method,
  Retention: retaining,
  Adapter: adapter,
  Optimization: optimization,
  Data: rows,
  Run: run,
  Compute: compute,
  Report: reporting,
  Rounds: rounds,
  Sampling: sampling,
  Judge: judge,
  Limits: limits,
  Cost: cost,
  'Judge training': judgeTraining,
  Comparing: comparing,
  Models: models,
  Tasks: tasks,
  Results: results,
  Server: server,
  Studio: studio,
  Command: command,
  Engine: engine,
  Export: exporting,
  Push: pushing,
  Learning: { ...learning, ...learningServer },
};

type Subjects = typeof subjects;
export type SubjectName = keyof Subjects;
type Named<Subject> = Subject extends unknown ? keyof Subject & string : never;
/** The name of any setting, in snake case. */
export type SettingName = Named<Subjects[SubjectName]>;
/** Its entry, as it stands in its subject's table. */
export type SettingNamed<Name, Subject = Subjects[SubjectName]> = Subject extends unknown
  ? Name extends keyof Subject
    ? Subject[Name]
    : never
  : never;
