// A judge behind an OpenAI-compatible chat server. Knows which words it is asked in and how its replies are read.
import { createAskedRows } from './asked-rows.ts';
import { chatFingerprint, chatRequests } from './chat-request.ts';
import { keyFor } from '../../openai/address.ts';
import type { ServedModel } from '../../openai/address.ts';
import { openClient } from '../../openai/client.ts';
import { systemClock } from '../../openai/clock.ts';
import type { Clock } from '../../openai/clock.ts';
import type { Judge, JudgeRequest } from '../judge.ts';
import { loadPrompt } from './prompt.ts';
import type { Reading } from './read-reply.ts';
import type { JudgeSettings } from '../settings.ts';

/**
 * Opens a judge behind a chat server; sends nothing yet. Throws WhetstoneError `NO_API_KEY`, `INVALID_OPTION`,
 * `FILE_NOT_FOUND` and `BAD_PROMPT` (the prompt), `RUN_LOCKED` and `DAMAGED_JOURNAL` (the cache).
 */
export async function openChatJudge(
  served: ServedModel,
  settings: JudgeSettings,
  clock: Clock = systemClock,
): Promise<Judge> {
  const requests = chatRequests(served, settings);
  const key = keyFor(served, settings);
  const prompt = await loadPrompt(settings.prompt);
  const client = await openClient({ ...settings, url: requests.url, key }, clock);
  const rows = createAskedRows<JudgeRequest, Exclude<Reading, { unreadable: string }>>(
    { prompt, read: prompt.read },
    client,
    requests,
    settings,
  );
  return {
    name: requests.name,
    fingerprint: `${prompt.reading}:${chatFingerprint(requests, prompt)}`,
    judge: async (requested, { onOutcome, signal, occasion }) => {
      for (const row of requested) {
        const unfit = prompt.unfit(row);
        if (unfit !== null) await onOutcome({ id: row.id, unscored: unfit });
      }
      await rows.askAll(
        requested.filter((row) => prompt.unfit(row) === null),
        {
          onAnswer: ({ id }, answer) => onOutcome({ id, ...answer }),
          ...(signal && { signal }),
          ...(occasion !== undefined && { occasion }),
        },
      );
    },
    usage: () => ({ ...client.usage(), cached: rows.cached() }),
    close: () => client.close(),
  };
}
