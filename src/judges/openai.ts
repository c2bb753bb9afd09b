// A judge behind an OpenAI-compatible chat server: what is kept is not asked again, what fails is repeated, a reply
// that cannot be read is asked for once more, and no call is made that limits or budget forbid.
import { setMaxListeners } from 'node:events';
import { WhetstoneError } from '../errors.ts';
import { createRandom } from '../random.ts';
import { callChat } from './chat-call.ts';
import { chatFingerprint, chatKey, chatRequests } from './chat-request.ts';
import type { ChatRequests } from './chat-request.ts';
import { systemClock } from './clock.ts';
import type { Clock } from './clock.ts';
import { readCompletion } from './completion.ts';
import type { Completion } from './completion.ts';
import { aboutTokens, createLedger, formatMoney, promptTokens } from './cost.ts';
import type { Ledger, Reservation, TokenCounts } from './cost.ts';
import type { Judge, JudgeCall, JudgeRequest, Outcome, Unscored } from './judge.ts';
import { createLimits } from './limits.ts';
import { loadPrompt } from './prompt.ts';
import type { ChatMessage } from './prompt.ts';
import { readReply } from './read-reply.ts';
import type { Reading } from './read-reply.ts';
import { openReplies, replyKey } from './replies.ts';
import { withRetries } from './retry.ts';
import type { Attempt, Failure } from './retry.ts';
import type { JudgeSettings } from './settings.ts';
import type { ChatSpec } from './spec.ts';

/** So many rows, one after the other, whose calls all failed mean that the server is away rather than a row at fault. */
const mostFailedRows = 3;
const noteEvery = 10_000;

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
  const prices = pricesOf(settings);
  checkBudget(settings, requests);
  const note = createNotes(settings.onNote, clock);
  const limits = createLimits(settings, clock, (limit, milliseconds) => {
    if (limit === 'pause' || milliseconds < 5000) return;
    note(limit, `waiting ${seconds(milliseconds)} for the limit of ${limit} per minute`);
  });
  const random = createRandom(settings.seed);
  const server = {
    endpoint: requests.endpoint,
    key,
    timeout: settings.timeout,
    bodyTimeout: settings.bodyTimeout,
  };
  const replies = await openReplies(settings.cache);
  if (replies.repaired) settings.onNote(`${settings.cache!}: a reply that was cut off has been removed`);
  const ledger = prices && createLedger(prices, settings.budget, spentBefore(settings, replies.before));
  const spentAtStart = ledger?.spent() ?? 0;
  const use = { calls: 0, cached: 0, inputTokens: 0, outputTokens: 0 };

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
    use.calls++;
    // What is not known to be free counts in full.
    let used: TokenCounts | null = most;
    let known = false;
    try {
      const result = await callChat(server, body, () => clock.now(), signals.giveUp);
      if ('failure' in result) {
        if (!result.failure.billed) used = null;
        if (result.failure.retryAfter !== undefined) limits.pause(result.failure.retryAfter);
        return result;
      }
      const { completion, raw } = result.ok;
      used = count(messages, completion);
      known = true;
      use.inputTokens += used.input;
      use.outputTokens += used.output;
      const at = new Date(clock.now()).toISOString();
      await replies.keep({ key: replyKey(requests.endpoint, body), at, usage: used, reply: raw });
      return { ok: completion };
    } finally {
      reservation?.settle(used);
      place.leave(known && used ? used.input + used.output : null);
    }
  }

  function ask(
    messages: readonly ChatMessage[],
    body: string,
    signals: Signals,
  ): Promise<Attempt<Completion>> {
    return withRetries(() => attempt(messages, body, signals), {
      retries: settings.retries,
      clock,
      random,
      signal: signals.stop,
      onWait: ({ words }, milliseconds) =>
        note(words.slice(0, 40), `${words}; again in ${seconds(milliseconds)}`),
    });
  }

  /** A reading, or the failure that kept it from being made. */
  async function read(row: JudgeRequest, signals: Signals): Promise<Verdict> {
    const question = (messages: readonly ChatMessage[]): Question => {
      const body = requests.body(messages);
      const kept = readCompletion(replies.get(replyKey(requests.endpoint, body))?.reply);
      return { messages, body, kept: kept && readReply(kept, row, messages) };
    };
    const first = question(prompt.messages(row));
    const second = question(prompt.reminded(row));
    for (const { kept } of [first, second]) {
      if (kept && 'judgment' in kept) return { reading: kept, cached: true };
    }
    // Where both replies are kept and neither can be read, there is nothing to lose by asking anew.
    let reading = second.kept === null ? first.kept : null;
    for (const { messages, body } of reading ? [second] : [first, second]) {
      const answer = await ask(messages, body, signals);
      if ('failure' in answer) return { failure: answer.failure };
      const next = readReply(answer.ok, row, messages);
      if ('judgment' in next) return { reading: next, cached: false };
      reading = reading ? { unreadable: together(reading, next) } : next;
    }
    return { reading: reading!, cached: false };
  }

  const underWay = new Map<string, Promise<Verdict>>();
  /** Rows that ask the same share an answer, where answers are kept at all. */
  async function readOnce(row: JudgeRequest, signals: Signals): Promise<Verdict> {
    if (settings.cache === null) return read(row, signals);
    const question = requests.body(prompt.messages(row));
    const other = underWay.get(question);
    if (other) {
      const verdict = await other;
      return 'reading' in verdict ? { ...verdict, cached: true } : verdict;
    }
    const reading = read(row, signals);
    underWay.set(question, reading);
    return reading.finally(() => underWay.delete(question));
  }

  async function judge(rows: readonly JudgeRequest[], { onOutcome, signal }: JudgeCall): Promise<void> {
    const stop = new AbortController();
    const giveUp = new AbortController();
    // Every call under way listens; Node warns from the eleventh on.
    setMaxListeners(0, stop.signal, giveUp.signal);
    const stopped = (): void => {
      stop.abort(stoppedError());
      giveUp.abort(stoppedError());
    };
    if (signal?.aborted) stopped();
    signal?.addEventListener('abort', stopped, { once: true });
    const signals: Signals = { stop: stop.signal, giveUp: giveUp.signal };
    let failed: Unscored[] = [];
    let answered = false;
    const release = async (): Promise<void> => {
      const released = failed;
      failed = [];
      for (const outcome of released) await onOutcome(outcome);
    };
    const handle = async (row: JudgeRequest): Promise<void> => {
      const verdict = await readOnce(row, signals);
      if ('reading' in verdict) {
        if (verdict.cached) use.cached++;
        else answered = true;
        await onOutcome(outcomeOf(row, verdict.reading));
        if (!verdict.cached) await release();
        return;
      }
      const { failure } = verdict;
      if (failure.kind === 'final') throw refused(requests.name, failure);
      if (failure.kind === 'row') {
        answered = true;
        await onOutcome({ id: row.id, unscored: failure.words });
        return release();
      }
      failed.push({
        id: row.id,
        unscored: `no answer after ${settings.retries + 1} calls: ${failure.words}`,
      });
      if (failed.length >= mostFailedRows) throw unavailable(requests.name, failure.words, settings.retries);
    };
    try {
      await inParallel(rows, settings.concurrency, stop, handle);
      if (failed[0] && !answered) throw unavailable(requests.name, failed[0].unscored, settings.retries);
      await release();
    } finally {
      signal?.removeEventListener('abort', stopped);
    }
  }

  return {
    name: requests.name,
    fingerprint: chatFingerprint(requests, prompt),
    judge,
    usage: () => ({ ...use, cost: ledger ? ledger.spent() - spentAtStart : null }),
    close: () => replies.close(),
  };
}

interface Signals {
  /** Nothing further is begun, and no wait goes on. */
  readonly stop: AbortSignal;
  /** Calls under way are given up too. */
  readonly giveUp: AbortSignal;
}

interface Question {
  readonly messages: readonly ChatMessage[];
  readonly body: string;
  /** What the kept reply says, if there is one. */
  readonly kept: Reading | null;
}

type Verdict = { readonly reading: Reading; readonly cached: boolean } | { readonly failure: Failure };

const contents = (messages: readonly ChatMessage[]): string[] => messages.map(({ content }) => content);

/** Runs `handle` on every row, so many at once, in order; after the first error none is begun, and it is thrown. */
async function inParallel<T>(
  rows: readonly T[],
  concurrency: number,
  stop: AbortController,
  handle: (row: T) => Promise<void>,
): Promise<void> {
  const queue = rows.values();
  const work = async (): Promise<void> => {
    for (const row of queue) {
      if (stop.signal.aborted) break;
      try {
        await handle(row);
      } catch (error) {
        stop.abort(error);
      }
    }
  };
  await Promise.all(Array.from({ length: Math.min(concurrency, rows.length) }, work));
  stop.signal.throwIfAborted();
}

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

export function pricesOf({
  inputPrice,
  outputPrice,
}: JudgeSettings): { input: number; output: number } | null {
  return inputPrice === null || outputPrice === null ? null : { input: inputPrice, output: outputPrice };
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

function spentBefore(settings: JudgeSettings, { input, output }: TokenCounts): number {
  const prices = pricesOf(settings);
  return prices ? (input * prices.input + output * prices.output) / 1e6 : 0;
}

function outcomeOf({ id }: JudgeRequest, reading: Reading): Outcome {
  if ('unreadable' in reading) return { id, unscored: reading.unreadable };
  const { judgment, suspicious } = reading;
  return { id, judgment, ...(suspicious && { suspicious }) };
}

const reasonOf = (reading: Reading): string => ('unreadable' in reading ? reading.unreadable : '');

function together(first: Reading, second: Reading): string {
  const [a, b] = [reasonOf(first), reasonOf(second)];
  return a === b ? `${a}, twice` : `${a}; asked again: ${b}`;
}

function refused(name: string, { words }: Failure): WhetstoneError {
  return new WhetstoneError('JUDGE_REFUSED', `${name} refuses: ${words}`, {
    hint: 'Those are the words of the server. Asking again would not help; what was judged so far is kept.',
  });
}

function unavailable(name: string, words: string, retries: number): WhetstoneError {
  return new WhetstoneError('JUDGE_UNAVAILABLE', `${name} does not answer: ${words}`, {
    hint: `Each row was tried ${retries + 1} times. What was judged so far is kept; run it again when the server is back.`,
  });
}

const stoppedError = (): WhetstoneError => new WhetstoneError('STOPPED', 'judging was stopped');

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
