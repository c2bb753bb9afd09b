// Opens the judge that a short text names, and tells what it would cost. Knows no kind of judge.
import type { Judge, JudgeRequest } from './judge.ts';
import type { JudgingEstimate } from './judge-kind.ts';
import { namedJudge } from './kinds.ts';
import { defaultJudgeSettings } from './settings.ts';
import type { JudgeSettings } from './settings.ts';

/**
 * Opens a judge: "openai:MODEL", "URL#MODEL", "cmd:COMMAND LINE", "FILE.ts", "local:RUN", "person:FILE", or one of a kind
 * that was added (`addJudge`). Throws WhetstoneError `INVALID_OPTION` for any other text, and what opening it throws.
 */
export async function openJudge(spec: string, given: Partial<JudgeSettings> = {}): Promise<Judge> {
  return namedJudge(spec).open({ ...defaultJudgeSettings, ...given });
}

/** Null for judges that neither count tokens nor ask for money. Throws as opening the judge does, but for its key. */
export async function estimateJudging(
  spec: string,
  settings: JudgeSettings,
  rows: readonly JudgeRequest[],
): Promise<JudgingEstimate | null> {
  return (await namedJudge(spec).estimate?.(settings, rows)) ?? null;
}
