// The client of an OpenAI-compatible server: requests within limits and budget, repeated while there is hope, and every
// answer kept before it counts. Knows calls and what they cost, nothing of what is asked.
import { createRandom } from '../random.ts';
import { endpointOf } from './address.ts';
import { budgetPrices, createBudget } from './budget.ts';
import type { Budget, BudgetSettings } from './budget.ts';
import { send } from './call.ts';
import type { Call } from './call.ts';
import { systemClock } from './clock.ts';
import type { Clock } from './clock.ts';
import type { Reservation, TokenCounts } from './cost.ts';
import { createLimits } from './limits.ts';
import type { LimitSettings, Limits, Place } from './limits.ts';
import { openReplies, replyKey } from './replies.ts';
import { longestRetryAfter, withRetries } from './retry.ts';
import type { Attempt } from './retry.ts';
import { note } from '../words/note.ts';
import type { Note } from '../words/note.ts';

export interface ClientSettings extends LimitSettings, BudgetSettings {
  /** Ends before "/chat/completions" and its like. */
  readonly url: string;
  readonly key: string | null;
  /** Seconds until an answer's headers, and then until the end of its body. */
  readonly timeout: number;
  readonly bodyTimeout: number;
  /** How often a call is repeated that failed in a way that may pass. */
  readonly retries: number;
  /** JSONL file of replies, which are not asked for again; null for none. */
  readonly cache: string | null;
  /** Of the jitter of waits. */
  readonly seed: number;
  /** Hears in a sentence what a person should know: a wait for a limit, a retry, a repaired file. */
  readonly onNote: (note: Note) => void;
}

export interface ClientRequest<Reply> extends Pick<Call<Reply>, 'mostBytes' | 'read'> {
  /** Behind the server's URL: "/chat/completions". */
  readonly path: string;
  /** JSON; equal requests give equal bytes. */
  readonly body: string;
  /** A reply to the same body that is kept of another occasion is no answer. */
  readonly occasion?: string;
  /** Tokens, of prompt and reply together, that it will take, for the limits; and may take at most, for a budget. */
  readonly about: number;
  readonly most: TokenCounts;
  /** What a reply took, as the server counted or as it can be told. */
  used(this: void, reply: Reply): TokenCounts;
  /** What is kept of a body, to be read again as this reply; the whole of it, if left out. */
  kept?(this: void, body: unknown, reply: Reply): unknown;
  /** What a person should know of a reply; a note of each kind is told once. */
  remarks?(this: void, reply: Reply): readonly Note[];
}

/** What was sent in this process. */
export interface ClientUsage {
  /** Requests sent, retries included. */
  readonly calls: number;
  readonly inputTokens: number;
  readonly outputTokens: number;
  /** In the currency of the prices, calls that were cut off at what they cost at most; null where no price is known. */
  readonly cost: number | null;
}

export interface Client {
  /**
   * Sends a request until there is an answer or no hope of one. After an abort of `stop` no further call is begun and
   * no wait goes on; a call under way, which is paid, is waited for and its answer kept. Throws WhetstoneError
   * `BUDGET_REACHED`, what keeping the answer throws, and the signal's reason.
   */
  ask<Reply>(request: ClientRequest<Reply>, stop: AbortSignal): Promise<Attempt<Reply>>;
  /** The latest answer to a request that was kept; null where there is none. */
  kept<Reply>(request: ClientRequest<Reply>): Reply | null;
  usage(): ClientUsage;
  close(): Promise<void>;
}

/** Sends nothing yet. Throws WhetstoneError `INVALID_OPTION` (the budget), `RUN_LOCKED` and `DAMAGED_JOURNAL`. */
export async function openClient(settings: ClientSettings, clock: Clock = systemClock): Promise<Client> {
  budgetPrices(settings);
  const replies = await openReplies(settings.cache);
  if (replies.repaired)
    settings.onNote(
      note('JOURNAL_REPAIRED', `${settings.cache!}: a reply that was cut off has been removed`),
    );
  const tell = createNotes(settings.onNote, clock);
  const told = new Set<string>();
  const tellOnce = ({ code, text }: Note): void => {
    if (told.has(code)) return;
    told.add(code);
    settings.onNote(note(code, `${new URL(settings.url).host}: ${text}`));
  };
  const budget = createBudget(settings, replies.before);
  const limits = createLimits(settings, clock, (limit, milliseconds) => {
    if (limit === 'pause' || milliseconds < 5000) return;
    tell(limit, note('WAITING', `waiting ${seconds(milliseconds)} for the limit of ${limit} per minute`));
  });
  const random = createRandom(settings.seed);
  const use = { calls: 0, inputTokens: 0, outputTokens: 0 };
  let answered = false;
  const endpoint = ({ path }: ClientRequest<unknown>): string => endpointOf(settings.url, path);
  const keyOf = (request: ClientRequest<unknown>): string =>
    replyKey(
      endpoint(request),
      `${request.body}${request.occasion === undefined ? '' : `\n${request.occasion}`}`,
    );
  const at = (): string => new Date(clock.now()).toISOString();
  // On disk before the call: a process that is killed during it may have spent the money all the same.
  const announce = ({ most }: ClientRequest<unknown>): Promise<number | null> =>
    settings.budget === null ? Promise.resolve(null) : replies.announce(most, at());

  async function call<Reply>(request: ClientRequest<Reply>, stop: AbortSignal): Promise<Attempt<Reply>> {
    const held = await hold({ budget, limits, announce }, request, stop);
    // What is not known to be free counts in full.
    let used: TokenCounts | null = request.most;
    let known = false;
    use.calls++;
    try {
      const sent = { ...settings, ...request, endpoint: endpoint(request) };
      const attempt = await send(sent, () => clock.now());
      if ('failure' in attempt) {
        const { billed, retryAfter = 0 } = attempt.failure;
        if (!billed) used = null;
        if (retryAfter > 0 && retryAfter <= longestRetryAfter) limits.pause(retryAfter);
        return attempt;
      }
      const { reply, raw } = attempt.ok;
      answered = true;
      known = true;
      used = request.used(reply);
      use.inputTokens += used.input;
      use.outputTokens += used.output;
      const key = keyOf(request);
      const announced = held.number !== null && { call: held.number };
      for (const remark of request.remarks?.(reply) ?? []) tellOnce(remark);
      const body = request.kept?.(raw, reply) ?? raw;
      await replies.keep({ key, at: at(), usage: used, ...announced, reply: body });
      return { ok: reply };
    } finally {
      held.money.settle(used);
      held.place.leave(known && used ? used.input + used.output : null);
      if (held.number !== null && !known) await replies.fruitless(held.number, used ?? nothing);
    }
  }

  return {
    ask: (request, stop) =>
      withRetries(() => call(request, stop), {
        retries: settings.retries,
        answered: () => answered,
        clock,
        random,
        signal: stop,
        onWait: ({ words }, milliseconds) =>
          tell(words.slice(0, 40), note('RETRYING', `${words}; again in ${seconds(milliseconds)}`)),
      }),
    kept: (request) => {
      const kept = replies.get(keyOf(request));
      return kept ? request.read(kept.reply) : null;
    },
    usage: () => ({ ...use, cost: budget.spent() }),
    close: () => replies.close(),
  };
}

const nothing: TokenCounts = { input: 0, output: 0 };

/** What holds a call back. */
interface Room {
  readonly budget: Budget;
  readonly limits: Limits;
  /** Puts a call down in the file of replies; null where that is not asked for. */
  announce(this: void, request: ClientRequest<unknown>): Promise<number | null>;
}

/** Room for one call, in each of these. */
interface Held {
  readonly money: Reservation;
  readonly place: Place;
  readonly number: number | null;
}

async function hold(
  { budget, limits, announce }: Room,
  request: ClientRequest<unknown>,
  stop: AbortSignal,
): Promise<Held> {
  const money = await budget.reserve(request.most, stop);
  let place: Place | undefined;
  try {
    place = await limits.enter(request.about, stop);
    return { money, place, number: await announce(request) };
  } catch (error) {
    place?.leave(null);
    money.settle(null);
    throw error;
  }
}

const seconds = (milliseconds: number): string =>
  milliseconds < 10_000 ? `${(milliseconds / 1000).toFixed(1)} s` : `${Math.round(milliseconds / 1000)} s`;

const noteEvery = 10_000;

/** The same kind of note is not worth a line more than every ten seconds. */
function createNotes(onNote: (note: Note) => void, clock: Clock): (kind: string, note: Note) => void {
  const last = new Map<string, number>();
  return (kind, told) => {
    const now = clock.now();
    if (now - (last.get(kind) ?? -Infinity) < noteEvery) return;
    last.set(kind, now);
    onNote(told);
  };
}
