// What judging would cost, before anything is sent. Knows prompts and prices; asks no server.
import { readFile } from 'node:fs/promises';
import { chatRequests } from './chat-request.ts';
import { endpointOf } from '../../openai/address.ts';
import type { ServedModel } from '../../openai/address.ts';
import { costOf, pricesOf, promptTokens } from '../../openai/cost.ts';
import type { JudgeRequest } from '../judge.ts';
import type { JudgingEstimate } from '../judge-kind.ts';
import { loadPrompt } from './prompt.ts';
import { replyKey } from '../../openai/replies.ts';
import type { JudgeSettings } from '../settings.ts';

/** What a judgment of a few mistakes takes. */
const usualJudgmentTokens = 80;

/** Throws as opening the judge does, but for its key. */
export async function estimateChat(
  served: ServedModel,
  settings: JudgeSettings,
  rows: readonly JudgeRequest[],
): Promise<JudgingEstimate> {
  const requests = chatRequests(served, settings);
  const prompt = await loadPrompt(settings.prompt);
  const kept = await keptKeys(settings.cache);
  const about = { input: 0, output: 0 };
  const most = { input: 0, output: 0 };
  const asked = new Set<string>();
  let calls = 0;
  let cached = 0;
  for (const row of rows) {
    if (prompt.unfit(row) !== null) continue;
    const messages = prompt.messages(row);
    const first = requests.request(messages);
    const again = requests.request(prompt.reminded(row));
    const key = replyKey(endpointOf(requests.url, first.path), first.body);
    if (kept.has(key) || (settings.cache !== null && asked.has(key))) {
      cached++;
      continue;
    }
    asked.add(key);
    calls++;
    about.input += promptTokens(
      messages.map(({ content }) => content),
      'about',
    );
    about.output += Math.min(usualJudgmentTokens, first.most.output);
    most.input += first.most.input + again.most.input;
    most.output += first.most.output + again.most.output;
  }
  const prices = pricesOf(settings);
  return {
    calls: { about: calls, most: 2 * calls },
    cached,
    about,
    most,
    cost: prices && { about: costOf(about, prices), most: costOf(most, prices) },
  };
}

/** Read without opening, because another process may be writing. */
async function keptKeys(cache: string | null): Promise<Set<string>> {
  const text = cache === null ? '' : await readFile(cache, 'utf8').catch(() => '');
  const keys = [...text.matchAll(/^\{"key":"([0-9a-f]{64})"/gm)].map(([, key]) => key!);
  return new Set(keys);
}
