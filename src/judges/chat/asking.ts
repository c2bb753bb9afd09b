// Asks a chat server: within limits and budget, repeated while there is hope, and every answer kept before it counts.
// Knows calls and what they cost, nothing of judgments.
import { WhetstoneError } from '../../errors.ts';
import { createRandom } from '../../random.ts';
import { callChat } from './chat-call.ts';
import type { ChatRequests } from './chat-request.ts';
import type { Clock } from '../../openai/clock.ts';
import { readCompletion } from './completion.ts';
import type { Completion } from './completion.ts';
import { aboutTokens, costOf, createLedger, formatMoney, pricesOf, promptTokens } from './cost.ts';
import type { Ledger, Reservation, TokenCounts } from './cost.ts';
import type { JudgeUsage } from '../judge.ts';
import { createLimits } from '../../openai/limits.ts';
import type { ChatMessage } from './prompt.ts';
import { openReplies, replyKey } from './replies.ts';
import { longestRetryAfter, withRetries } from '../../openai/retry.ts';
import type { Attempt } from '../../openai/retry.ts';
import type { JudgeSettings } from '../settings.ts';

export interface Asker {
  /**
   * Sends messages until there is an answer or no hope of one. Throws WhetstoneError `BUDGET_REACHED`, what keeping
   * the answer throws, and the signals' reasons.
   */
  ask(messages: readonly ChatMessage[], signals: Signals): Promise<Attempt<Completion>>;
  /** The latest answer to these messages that was kept; null where there is none. */
  kept(messages: readonly ChatMessage[]): Completion | null;
  usage(): Omit<JudgeUsage, 'cached'>;
  close(): Promise<void>;
}

export interface Signals {
  /** Nothing further is begun, and no wait goes on. */
  readonly stop: AbortSignal;
  /** Calls under way are given up too. */
  readonly giveUp: AbortSignal;
}

const noteEvery = 10_000;

/** Sends nothing yet. Throws WhetstoneError `INVALID_OPTION` (the budget), `RUN_LOCKED` and `DAMAGED_JOURNAL`. */
export async function openAsker(
  requests: ChatRequests,
  key: string | null,
  settings: JudgeSettings,
  clock: Clock,
): Promise<Asker> {
  checkBudget(settings, requests);
  const note = createNotes(settings.onNote, clock);
  const limits = createLimits(settings, clock, (limit, milliseconds) => {
    if (limit === 'pause' || milliseconds < 5000) return;
    note(limit, `waiting ${seconds(milliseconds)} for the limit of ${limit} per minute`);
  });
  const random = createRandom(settings.seed);
  const { endpoint } = requests;
  const server = { endpoint, key, timeout: settings.timeout, bodyTimeout: settings.bodyTimeout };
  const replies = await openReplies(settings.cache);
  if (replies.repaired) settings.onNote(`${settings.cache!}: a reply that was cut off has been removed`);
  const prices = pricesOf(settings);
  const spentBefore = prices ? costOf(replies.before, prices) : 0;
  const ledger = prices && createLedger(prices, settings.budget, spentBefore);
  let answered = false;
  const use = { calls: 0, inputTokens: 0, outputTokens: 0 };

  const count = (messages: readonly ChatMessage[], { text, usage }: Completion): TokenCounts =>
    usage ?? { input: promptTokens(contents(messages), 'about'), output: aboutTokens(text) };

  /** One call with everything that holds it back. */
  async function attempt(
    messages: readonly ChatMessage[],
    body: string,
    signals: Signals,
  ): Promise<Attempt<Completion>> {
    const output = requests.mostOutput ?? settings.maxTokens;
    const most = { input: promptTokens(contents(messages), 'most'), output };
    const reservation = ledger && (await reserve(ledger, most, settings, signals.stop));
    const place = await limits
      .enter(promptTokens(contents(messages), 'about') + output, signals.stop)
      .catch((reason: unknown) => {
        reservation?.settle(null);
        throw reason;
      });
    // On disk before the call: a process that is killed during it may have spent the money all the same.
    const at = (): string => new Date(clock.now()).toISOString();
    const call =
      settings.budget === null
        ? null
        : await replies.announce(most, at()).catch((reason: unknown) => {
            place.leave(null);
            reservation?.settle(null);
            throw reason;
          });
    use.calls++;
    // What is not known to be free counts in full.
    let used: TokenCounts | null = most;
    let known = false;
    try {
      const result = await callChat(server, body, () => clock.now(), signals.giveUp);
      if ('failure' in result) {
        if (!result.failure.billed) used = null;
        const { retryAfter = 0 } = result.failure;
        if (retryAfter > 0 && retryAfter <= longestRetryAfter) limits.pause(retryAfter);
        return result;
      }
      const { completion, raw } = result.ok;
      answered = true;
      used = count(messages, completion);
      known = true;
      use.inputTokens += used.input;
      use.outputTokens += used.output;
      const key = replyKey(endpoint, body);
      await replies.keep({ key, at: at(), usage: used, ...(call !== null && { call }), reply: raw });
      return { ok: completion };
    } finally {
      reservation?.settle(used);
      place.leave(known && used ? used.input + used.output : null);
      if (call !== null && !known) await replies.fruitless(call, used ?? { input: 0, output: 0 });
    }
  }

  const ask: Asker['ask'] = (messages, signals) => {
    const body = requests.body(messages);
    return withRetries(() => attempt(messages, body, signals), {
      retries: settings.retries,
      answered: () => answered,
      clock,
      random,
      signal: signals.stop,
      onWait: ({ words }, milliseconds) =>
        note(words.slice(0, 40), `${words}; again in ${seconds(milliseconds)}`),
    });
  };

  return {
    ask,
    kept: (messages) => {
      const reply = replies.get(replyKey(endpoint, requests.body(messages)));
      return reply ? readCompletion(reply.reply) : null;
    },
    usage: () => ({ ...use, cost: ledger ? ledger.spent() - spentBefore : null }),
    close: () => replies.close(),
  };
}

const contents = (messages: readonly ChatMessage[]): string[] => messages.map(({ content }) => content);

async function reserve(
  ledger: Ledger,
  most: TokenCounts,
  { budget, currency }: JudgeSettings,
  stop: AbortSignal,
): Promise<Reservation> {
  for (;;) {
    stop.throwIfAborted();
    const reservation = ledger.reserve(most);
    if (reservation === 'never') {
      throw new WhetstoneError(
        'BUDGET_REACHED',
        `the budget of ${formatMoney(budget!, currency)} is used up: ${formatMoney(ledger.spent(), currency)} spent, and the next call could cost more than the rest`,
        { hint: 'What was judged so far is kept. Give a higher budget and run it again to go on.' },
      );
    }
    if (reservation) return reservation;
    await ledger.settled();
  }
}

function checkBudget(settings: JudgeSettings, { mostOutput }: ChatRequests): void {
  if (settings.budget === null) return;
  if (pricesOf(settings) === null) {
    throw new WhetstoneError('INVALID_OPTION', 'a budget needs both prices, of input and output tokens', {
      hint: 'Give them per million tokens: input_price and output_price.',
    });
  }
  if (mostOutput === null) {
    throw new WhetstoneError('INVALID_OPTION', 'a budget needs a limit of tokens for each reply', {
      hint: 'Keep max_tokens or max_completion_tokens in the body.',
    });
  }
}

const seconds = (milliseconds: number): string =>
  milliseconds < 10_000 ? `${(milliseconds / 1000).toFixed(1)} s` : `${Math.round(milliseconds / 1000)} s`;

/** The same kind of note is not worth a line more than every ten seconds. */
function createNotes(onNote: (text: string) => void, clock: Clock): (kind: string, text: string) => void {
  const last = new Map<string, number>();
  return (kind, text) => {
    const now = clock.now();
    if (now - (last.get(kind) ?? -Infinity) < noteEvery) return;
    last.set(kind, now);
    onNote(text);
  };
}
