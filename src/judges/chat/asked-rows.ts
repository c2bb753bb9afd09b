// Rows put to a chat server one by one: replies that are kept are read anew, a reply that cannot be read is asked for
// once more, and rows without an answer are told from a server that is away. Knows neither HTTP nor what is asked.
import { setMaxListeners } from 'node:events';
import { WhetstoneError } from '../../errors.ts';
import type { Asker, Signals } from './asking.ts';
import type { ChatRequests } from './chat-request.ts';
import type { Unscored } from '../judge.ts';
import type { Reply } from './read-reply.ts';
import { longestRetryAfter } from '../../openai/retry.ts';
import type { Failure } from '../../openai/retry.ts';
import type { JudgeSettings } from '../settings.ts';
import type { ChatMessage, ChatPrompt } from './template.ts';

/** So many rows, one after the other, whose calls all failed mean that the server is away rather than a row at fault. */
const mostFailedRows = 3;

/** What is asked of each row, and what a reply to it means. */
export interface RowQuestion<Row, Answer extends object> {
  readonly prompt: ChatPrompt<Row>;
  read(this: void, reply: Reply, row: Row, messages: readonly ChatMessage[]): Answer | Unreadable;
}

/** Why a reply means nothing. */
export interface Unreadable {
  readonly unreadable: string;
}

export interface AskedRows<Row, Answer> {
  /**
   * Asks about every row; `onAnswer` is called once for each, unless this throws, and is awaited. Throws WhetstoneError
   * `JUDGE_REFUSED`, `JUDGE_UNAVAILABLE`, `BUDGET_REACHED` and `STOPPED`.
   */
  askAll(rows: readonly Row[], call: RowCall<Row, Answer>): Promise<void>;
  /** Answers that came from kept replies. */
  cached(): number;
}

export interface RowCall<Row, Answer> {
  readonly onAnswer: (row: Row, answer: Answer | Unscored) => Promise<void>;
  readonly signal?: AbortSignal;
}

export function createAskedRows<Row extends { readonly id: string }, Answer extends object>(
  { prompt, read: readReply }: RowQuestion<Row, Answer>,
  asker: Pick<Asker, 'ask' | 'kept'>,
  requests: Pick<ChatRequests, 'name' | 'body'>,
  settings: Pick<JudgeSettings, 'cache' | 'concurrency' | 'retries'>,
): AskedRows<Row, Answer> {
  let cached = 0;

  /** A reading, or the failure that kept it from being made. */
  async function read(row: Row, signals: Signals): Promise<Verdict<Answer>> {
    const question = (messages: readonly ChatMessage[]): Question<Answer> => {
      const kept = asker.kept(messages);
      return { messages, kept: kept && readReply(kept, row, messages) };
    };
    const first = question(prompt.messages(row));
    const second = question(prompt.reminded(row));
    for (const { kept } of [first, second]) {
      if (kept && !('unreadable' in kept)) return { reading: kept, cached: true };
    }
    // Where both replies are kept and neither can be read, there is nothing to lose by asking anew.
    let reading: Unreadable | null = second.kept === null ? unreadable(first.kept) : null;
    for (const { messages } of reading ? [second] : [first, second]) {
      const answer = await asker.ask(messages, signals);
      if ('failure' in answer) return { failure: answer.failure };
      const next = readReply(answer.ok, row, messages);
      if (!('unreadable' in next)) return { reading: next, cached: false };
      reading = reading ? { unreadable: together(reading.unreadable, next.unreadable) } : next;
    }
    return { reading: reading!, cached: false };
  }

  const underWay = new Map<string, Promise<Verdict<Answer>>>();
  /** Rows that ask the same share an answer, where answers are kept at all. */
  async function readOnce(row: Row, signals: Signals): Promise<Verdict<Answer>> {
    if (settings.cache === null) return read(row, signals);
    const question = requests.body(prompt.messages(row));
    const other = underWay.get(question);
    if (other) {
      // That the other was stopped need not stop this one.
      const verdict = await other.catch(() => read(row, signals));
      return 'reading' in verdict ? { ...verdict, cached: true } : verdict;
    }
    const reading = read(row, signals);
    underWay.set(question, reading);
    return reading.finally(() => underWay.delete(question));
  }

  async function askAll(rows: readonly Row[], { onAnswer, signal }: RowCall<Row, Answer>): Promise<void> {
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
    let failed: { readonly row: Row; readonly why: string }[] = [];
    let answered = false;
    const release = async (): Promise<void> => {
      const released = failed;
      failed = [];
      for (const { row, why } of released) await onAnswer(row, unscored(row, why));
    };
    const handle = async (row: Row): Promise<void> => {
      const verdict = await readOnce(row, signals);
      if ('reading' in verdict) {
        if (verdict.cached) cached++;
        else answered = true;
        const { reading } = verdict;
        await onAnswer(row, 'unreadable' in reading ? unscored(row, reading.unreadable) : reading);
        if (!verdict.cached) await release();
        return;
      }
      const { failure } = verdict;
      if (failure.kind === 'final') throw refused(requests.name, failure);
      if ((failure.retryAfter ?? 0) > longestRetryAfter) {
        const hours = (failure.retryAfter! / 3_600_000).toFixed(1);
        throw unavailable(requests.name, `${failure.words} (it asks to wait for ${hours} hours)`);
      }
      if (failure.kind === 'row') {
        answered = true;
        await onAnswer(row, unscored(row, failure.words));
        return release();
      }
      failed.push({ row, why: `no answer after ${settings.retries + 1} calls: ${failure.words}` });
      if (failed.length >= mostFailedRows) throw unavailable(requests.name, failed[0]!.why);
    };
    try {
      await inParallel(rows, settings.concurrency, stop, handle);
      if (failed[0] && !answered) throw unavailable(requests.name, failed[0].why);
      await release();
    } finally {
      signal?.removeEventListener('abort', stopped);
    }
  }

  return { askAll, cached: () => cached };
}

interface Question<Answer> {
  readonly messages: readonly ChatMessage[];
  /** What the kept reply says, if there is one. */
  readonly kept: Answer | Unreadable | null;
}

type Verdict<Answer> =
  { readonly reading: Answer | Unreadable; readonly cached: boolean } | { readonly failure: Failure };

const unreadable = <Answer extends object>(kept: Answer | Unreadable | null): Unreadable | null =>
  kept !== null && 'unreadable' in kept ? kept : null;

const unscored = ({ id }: { readonly id: string }, why: string): Unscored => ({ id, unscored: why });

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

const together = (first: string, second: string): string =>
  first === second ? `${first}, twice` : `${first}; asked again: ${second}`;

function refused(name: string, { words }: Failure): WhetstoneError {
  return new WhetstoneError('JUDGE_REFUSED', `${name} refuses: ${words}`, {
    hint: 'Those are the words of the server. Asking again would not help; what was judged so far is kept.',
  });
}

function unavailable(name: string, words: string): WhetstoneError {
  return new WhetstoneError('JUDGE_UNAVAILABLE', `${name} does not answer: ${words}`, {
    hint: 'What was judged so far is kept; run it again when the server is back.',
  });
}

const stoppedError = (): WhetstoneError => new WhetstoneError('STOPPED', 'judging was stopped');
