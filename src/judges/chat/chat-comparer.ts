// A comparer behind an OpenAI-compatible chat server: both responses in one prompt. Knows which words it is asked in and
// how its replies are read.
import type { Comparer, PairRequest } from '../comparer.ts';
import { createAskedRows } from './asked-rows.ts';
import { chatFingerprint, chatRequests } from './chat-request.ts';
import { keyFor } from '../../openai/address.ts';
import type { ServedModel } from '../../openai/address.ts';
import { openClient } from '../../openai/client.ts';
import { systemClock } from '../../openai/clock.ts';
import type { Clock } from '../../openai/clock.ts';
import { loadComparePrompt } from './compare-prompt.ts';
import { preferenceParserVersion, readPreference } from './read-preference.ts';
import type { JudgeSettings } from '../settings.ts';

/** Opens a comparer behind a chat server; sends nothing yet. Throws as `openChatJudge` and `loadComparePrompt` do. */
export async function openChatComparer(
  served: ServedModel,
  settings: JudgeSettings,
  clock: Clock = systemClock,
): Promise<Comparer> {
  const requests = chatRequests(served, settings);
  const key = keyFor(served, settings);
  const prompt = await loadComparePrompt(settings.prompt);
  const client = await openClient({ ...settings, url: requests.url, key }, clock);
  const rows = createAskedRows<PairRequest, { readonly preference: number }>(
    { prompt, read: readPreference },
    client,
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
    usage: () => ({ ...client.usage(), cached: rows.cached() }),
    close: () => client.close(),
  };
}
