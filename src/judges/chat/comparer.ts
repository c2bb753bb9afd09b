// A comparer behind an OpenAI-compatible chat server: both responses in one prompt. Knows which words it is asked in and
// how its replies are read.
import type { Comparer, PairRequest } from '../comparer.ts';
import { openAsker } from './asking.ts';
import { createAskedRows } from './asked-rows.ts';
import { chatFingerprint, chatKey, chatRequests } from './chat-request.ts';
import { systemClock } from '../../openai/clock.ts';
import type { Clock } from '../../openai/clock.ts';
import { loadComparePrompt } from './compare-prompt.ts';
import { preferenceParserVersion, readPreference } from './read-preference.ts';
import type { JudgeSettings } from '../settings.ts';
import type { ChatSpec } from '../spec.ts';

/** Opens a comparer behind a chat server; sends nothing yet. Throws as `openChatJudge` and `loadComparePrompt` do. */
export async function openChatComparer(
  spec: ChatSpec,
  settings: JudgeSettings,
  clock: Clock = systemClock,
): Promise<Comparer> {
  const requests = chatRequests(spec, settings);
  const key = chatKey(spec, settings);
  const prompt = await loadComparePrompt(settings.prompt);
  const asker = await openAsker(requests, key, settings, clock);
  const rows = createAskedRows<PairRequest, { readonly preference: number }>(
    { prompt, read: readPreference },
    asker,
    requests,
    settings,
  );
  return {
    name: requests.name,
    fingerprint: `pairs/${preferenceParserVersion}:${chatFingerprint(requests, prompt)}`,
    ordered: true,
    compare: (pairs, { onComparison, signal }) =>
      rows.askAll(pairs, {
        onAnswer: ({ id }, answer) => onComparison('unscored' in answer ? answer : { id, ...answer }),
        ...(signal && { signal }),
      }),
    usage: () => ({ ...asker.usage(), cached: rows.cached() }),
    close: () => asker.close(),
  };
}
