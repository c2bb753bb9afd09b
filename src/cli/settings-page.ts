// docs/settings.md: the reference of what all verbs take. Knows which verbs there are.
import { onlineEntry } from '../alignment/online/settings.ts';
import { alignEntry } from '../alignment/settings.ts';
import { trainJudgeEntry } from '../judge-training/settings.ts';
import { learningEntry } from '../learning/settings.ts';
import { referencePage } from '../options/reference.ts';
import type { Taker } from '../options/reference.ts';
import { manner } from '../options/tables/command.ts';
import { generateTable, scoreTable } from '../options/verbs/answering.ts';
import { dataCheckTable, dataConvertTable } from '../options/verbs/data.ts';
import { evaluateTable, reportTable } from '../options/verbs/evaluating.ts';
import { judgeTable } from '../options/verbs/judging.ts';
import { doctorTable } from '../options/verbs/engine.ts';
import { exportTable, mergeTable, pushTable } from '../options/verbs/models.ts';
import { serveTable, studioTable } from '../options/verbs/serving.ts';

const takers: readonly Taker[] = [
  { name: 'align', table: alignEntry.table },
  { name: 'online', table: onlineEntry.table },
  { name: 'train-judge', table: trainJudgeEntry.table },
  { name: 'judge', table: judgeTable },
  { name: 'score', table: scoreTable },
  { name: 'generate', table: generateTable },
  { name: 'merge', table: mergeTable },
  { name: 'export', table: exportTable },
  { name: 'push', table: pushTable },
  { name: 'report', table: reportTable },
  { name: 'doctor', table: doctorTable },
  { name: 'evaluate', table: evaluateTable },
  { name: 'serve', table: serveTable },
  { name: 'learning', table: learningEntry.table },
  { name: 'studio', table: studioTable },
  { name: 'data check', table: dataCheckTable },
  { name: 'data convert', table: dataConvertTable },
];

/** What every verb has says so, and names none. */
export const settingsPage = (): string => referencePage([...takers, { name: 'every verb', table: manner }]);
