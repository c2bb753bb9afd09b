// Opens the comparer that a judge's short text names. Knows no kind of judge.
import { WhetstoneError } from '../errors.ts';
import { compareByVerdicts } from './compare/by-verdicts.ts';
import type { Comparer } from './comparer.ts';
import { namedJudge } from './kinds.ts';
import { resolveJudgeSettings } from './settings.ts';
import type { CompareMode, JudgeSettings } from './settings.ts';

/**
 * Opens a comparer. Pairs can be put to chat servers, commands, and modules that export `compare`; others compare by
 * verdicts. A command is taken to understand pairs unless `mode` says "verdicts".
 *
 * Throws WhetstoneError `INVALID_OPTIONS` for settings that cannot be taken, `INVALID_OPTION` where a judge is to be shown pairs and cannot be, and what opening throws.
 */
export async function openComparer(
  spec: string,
  given: Partial<JudgeSettings> = {},
  mode: CompareMode = 'auto',
): Promise<Comparer> {
  const settings = resolveJudgeSettings(spec, given, mode);
  const judge = namedJudge(spec);
  const byPairs = mode === 'verdicts' ? null : await judge.openComparer?.(settings);
  if (byPairs) return byPairs;
  if (mode === 'pairs') {
    throw new WhetstoneError(
      'INVALID_OPTION',
      `judge ${JSON.stringify(spec)} cannot be shown two responses at once`,
      {
        hint: 'Chat servers, commands and modules that export "compare" can. Any judge can compare by verdicts.',
      },
    );
  }
  return compareByVerdicts(await judge.open(settings));
}
