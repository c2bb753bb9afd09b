// Opens the judge that a short text names, and tells what it would cost. Knows no kind of judge.
import type { Judge, JudgeRequest } from './judge.ts';
import type { JudgingEstimate } from './judge-kind.ts';
import { namedJudge } from './kinds.ts';
import { resolveJudgeSettings } from './settings.ts';
import type { JudgeSettings } from './settings.ts';

/**
 * Opens a judge: "openai:MODEL", "URL#MODEL", "cmd:COMMAND LINE", "FILE.ts", "local:RUN", "person:FILE", or one of a kind
 * that was added (`addJudge`). Throws WhetstoneError `INVALID_OPTION` for any other text, `INVALID_OPTIONS` for settings that
 * cannot be taken, and what opening it throws.
 */
export async function openJudge(spec: string, given: Partial<JudgeSettings> = {}): Promise<Judge> {
  const settings = resolveJudgeSettings(spec, given);
  return namedJudge(spec).open(settings);
}

/** Null for judges that neither count tokens nor ask for money. Throws as opening the judge does, but for its key. */
export async function estimateJudging(
  spec: string,
  given: Partial<JudgeSettings>,
  rows: readonly JudgeRequest[],
): Promise<JudgingEstimate | null> {
  const settings = resolveJudgeSettings(spec, given);
  return (await namedJudge(spec).estimate?.(settings, rows)) ?? null;
}
