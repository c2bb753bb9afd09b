// Who writes judgments, and having rows judged safely.
export { isJudged } from './judge.ts';
export type { Judge, JudgeCall, Judged, JudgeRequest, JudgeUsage, Outcome, Unscored } from './judge.ts';
export { addJudge, judgeKinds } from './kinds.ts';
export type { JudgeKind, JudgingEstimate, NamedJudge } from './judge-kind.ts';
export { estimateJudging, openJudge } from './open-judge.ts';
export { isCompared } from './comparer.ts';
export type { CompareCall, Compared, Comparer, Comparison, PairRequest } from './comparer.ts';
export { openComparer } from './open-comparer.ts';
export { defaultJudgeSettings } from './settings.ts';
export type { CompareMode, JudgeSettings } from './settings.ts';
export { promptPresets } from './chat/prompt.ts';
export { suspicionOf } from './suspicion.ts';
export { readJudgeRows } from './judge-rows.ts';
export type { JudgeRow, JudgeRowFile } from './judge-rows.ts';
export { judgingFiles, openJudging } from './judging.ts';
export type { Judging, JudgingFiles } from './judging.ts';
export type { CompareFunction, JudgeAllFunction, JudgeFunction } from './program/module.ts';
