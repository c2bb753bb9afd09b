// The suites, as data: which rows each table and figure of arXiv 2312.14591 has here. Nothing is run.
import type { SuiteName } from './names.ts';
import type { Suite } from './suite.ts';
import { ablations } from './suites/ablations.ts';
import { figure3 } from './suites/figure-3.ts';
import { figure4 } from './suites/figure4.ts';
import { figure7 } from './suites/figure7.ts';
import { judgments } from './suites/judgments.ts';
import { aiJudge } from './suites/ai-judge.ts';
import { marks } from './suites/marks.ts';
import { modelAgnostic } from './suites/model-agnostic.ts';
import { warmStart } from './suites/warm-start.ts';
import { generalistSpecialist } from './suites/generalist-specialist.ts';
import { ranking } from './suites/ranking.ts';
import { precision } from './suites/precision.ts';
import { table2 } from './suites/table2.ts';
import { table4 } from './suites/table4.ts';
import { table5 } from './suites/table5.ts';
import { table6 } from './suites/table6.ts';

export const suites: Readonly<Record<SuiteName, Suite>> = {
  table2,
  judgments,
  table4,
  ablations,
  table5,
  table6,
  figure4,
  figure7,
  'figure-3': figure3,
  marks,
  'ai-judge': aiJudge,
  'model-agnostic': modelAgnostic,
  'warm-start': warmStart,
  'generalist-specialist': generalistSpecialist,
  ranking,
  precision,
};
