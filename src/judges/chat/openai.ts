// A judge behind an OpenAI-compatible chat server. Knows which words it is asked in and how its replies are read.
import { openAsker } from './asking.ts';
import { createAskedRows } from './asked-rows.ts';
import { chatFingerprint, chatKey, chatRequests } from './chat-request.ts';
import { systemClock } from '../../openai/clock.ts';
import type { Clock } from '../../openai/clock.ts';
import type { Judge, JudgeRequest } from '../judge.ts';
import { loadPrompt } from './prompt.ts';
import { parserVersion, readReply } from './read-reply.ts';
import type { JudgeSettings } from '../settings.ts';
import type { ChatSpec } from '../spec.ts';

/**
 * Opens a judge behind a chat server; sends nothing yet. Throws WhetstoneError `NO_API_KEY`, `INVALID_OPTION`,
 * `FILE_NOT_FOUND` and `BAD_PROMPT` (the prompt), `RUN_LOCKED` and `DAMAGED_JOURNAL` (the cache).
 */
export async function openChatJudge(
  spec: ChatSpec,
  settings: JudgeSettings,
  clock: Clock = systemClock,
): Promise<Judge> {
  const requests = chatRequests(spec, settings);
  const key = chatKey(spec, settings);
  const prompt = await loadPrompt(settings.prompt);
  const asker = await openAsker(requests, key, settings, clock);
  const read = readReply;
  const rows = createAskedRows<JudgeRequest, Exclude<ReturnType<typeof read>, { unreadable: string }>>(
    { prompt, read },
    asker,
    requests,
    settings,
  );
  return {
    name: requests.name,
    fingerprint: `judgments/${parserVersion}:${chatFingerprint(requests, prompt)}`,
    judge: (requested, { onOutcome, signal }) =>
      rows.askAll(requested, {
        onAnswer: ({ id }, answer) => onOutcome('unscored' in answer ? answer : { id, ...answer }),
        ...(signal && { signal }),
      }),
    usage: () => ({ ...asker.usage(), cached: rows.cached() }),
    close: () => asker.close(),
  };
}
