// Who writes judgments, and having rows judged safely.
export { isJudged } from './judge.ts';
export type { Judge, JudgeCall, Judged, JudgeRequest, JudgeUsage, Outcome, Unscored } from './judge.ts';
export { openJudge } from './open-judge.ts';
export { defaultJudgeSettings } from './settings.ts';
export type { JudgeSettings, OpenJudgeEngine } from './settings.ts';
export { judgeKinds, parseJudgeSpec } from './spec.ts';
export type { JudgeSpec } from './spec.ts';
export { estimateJudging } from './chat/estimate.ts';
export type { JudgingEstimate } from './chat/estimate.ts';
export { promptPresets } from './chat/prompt.ts';
export { suspicionOf } from './suspicion.ts';
export { readJudgeRows } from './judge-rows.ts';
export type { JudgeRow, JudgeRowFile } from './judge-rows.ts';
export { judgingFiles, openJudging } from './judging.ts';
export type { Judging, JudgingFiles } from './judging.ts';
export type { JudgeAllFunction, JudgeFunction } from './program/module.ts';
