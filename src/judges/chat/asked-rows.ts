// Rows put to a chat server one by one: replies that are kept are read anew, a reply that cannot be read is asked for
// once more, and rows without an answer are told from a server that is away. Knows neither HTTP nor what is asked.
import { setMaxListeners } from 'node:events';
import { inParallel } from '../../durable/pool.ts';
import { WhetstoneError } from '../../errors.ts';
import type { Client } from '../../openai/client.ts';
import type { ChatRequests } from './chat-request.ts';
import type { Unscored } from '../judge.ts';
import type { Reply } from './read-reply.ts';
import { longestRetryAfter } from '../../openai/retry.ts';
import { afterCalls, refusalText, unavailableText } from '../../openai/server-error.ts';
import type { Failure } from '../../openai/retry.ts';
import type { JudgeSettings } from '../settings.ts';
import type { ChatMessage } from '../../openai/answers.ts';
import type { ChatPrompt } from './template.ts';

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
  readonly occasion?: string;
}

export function createAskedRows<Row extends { readonly id: string }, Answer extends object>(
  question: RowQuestion<Row, Answer>,
  client: Pick<Client, 'ask' | 'kept'>,
  requests: Pick<ChatRequests, 'name' | 'request'>,
  settings: Pick<JudgeSettings, 'cache' | 'concurrency' | 'retries'>,
): AskedRows<Row, Answer> {
  const { name } = requests;
  let cached = 0;
  return {
    cached: () => cached,
    askAll: (rows, { onAnswer, signal, occasion }) =>
      stoppable(signal, async (stopped) => {
        const request: typeof requests.request = (messages) => ({
          ...requests.request(messages),
          ...(occasion !== undefined && { occasion }),
        });
        const read = createReader(question, client, request, settings.cache !== null);
        const silent = createSilence<Row>(name, settings.retries + 1, (row, why) =>
          onAnswer(row, unscored(row, why)),
        );
        const ask = async (row: Row, stop: AbortSignal): Promise<void> => {
          const verdict = await read(row, stop);
          if ('reading' in verdict) {
            const { reading } = verdict;
            if (verdict.cached) cached++;
            await onAnswer(row, 'unreadable' in reading ? unscored(row, reading.unreadable) : reading);
            if (!verdict.cached) await silent.broken();
          } else if (verdict.failure.kind === 'row') {
            await onAnswer(row, unscored(row, verdict.failure.words));
            await silent.broken();
          } else silent.add(row, verdict.failure);
        };
        // After a failure or a stop calls under way are waited for: they have been paid for.
        await inParallel(rows, settings.concurrency, ask, { signal: stopped });
        await silent.end();
      }),
  };
}

interface Question<Answer> {
  readonly messages: readonly ChatMessage[];
  /** What the kept reply says, if there is one. */
  readonly kept: Answer | Unreadable | null;
}

/** A reading, or the failure that kept it from being made. */
type Verdict<Answer> =
  { readonly reading: Answer | Unreadable; readonly cached: boolean } | { readonly failure: Failure };

type Read<Row, Answer> = (row: Row, stop: AbortSignal) => Promise<Verdict<Answer>>;

/** Reads a row's answer: a kept one, or one that is asked for. With `share`, rows that ask the same share it. */
function createReader<Row, Answer extends object>(
  { prompt, read: readReply }: RowQuestion<Row, Answer>,
  client: Pick<Client, 'ask' | 'kept'>,
  request: ChatRequests['request'],
  share: boolean,
): Read<Row, Answer> {
  const read: Read<Row, Answer> = async (row, stop) => {
    const question = (messages: readonly ChatMessage[]): Question<Answer> => {
      const kept = client.kept(request(messages));
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
      const answer = await client.ask(request(messages), stop);
      if ('failure' in answer) return { failure: answer.failure };
      const next = readReply(answer.ok, row, messages);
      if (!('unreadable' in next)) return { reading: next, cached: false };
      reading = reading ? { unreadable: together(reading.unreadable, next.unreadable) } : next;
    }
    return { reading: reading!, cached: false };
  };
  if (!share) return read;
  const underWay = new Map<string, Promise<Verdict<Answer>>>();
  return async (row, stop) => {
    const question = request(prompt.messages(row)).body;
    const other = underWay.get(question);
    if (other) {
      // That the other was stopped need not stop this one.
      const verdict = await other.catch(() => read(row, stop));
      return 'reading' in verdict ? { ...verdict, cached: true } : verdict;
    }
    const reading = read(row, stop);
    underWay.set(question, reading);
    return reading.finally(() => underWay.delete(question));
  };
}

const unreadable = <Answer extends object>(kept: Answer | Unreadable | null): Unreadable | null =>
  kept !== null && 'unreadable' in kept ? kept : null;

const unscored = ({ id }: { readonly id: string }, why: string): Unscored => ({ id, unscored: why });

const together = (first: string, second: string): string =>
  first === second ? `${first}, twice` : `${first}; asked again: ${second}`;

/** Rows without an answer, until it is known whether they are at fault or the server is away. */
interface Silence<Row> {
  /** Throws WhetstoneError `JUDGE_REFUSED` and `JUDGE_UNAVAILABLE` where going on is pointless. */
  add(row: Row, failure: Failure): void;
  /** The server is there: the rows were at fault. */
  broken(): Promise<void>;
  /** Throws WhetstoneError `JUDGE_UNAVAILABLE` where it was never there. */
  end(): Promise<void>;
}

function createSilence<Row>(
  name: string,
  calls: number,
  tell: (row: Row, why: string) => Promise<void>,
): Silence<Row> {
  let rows: { readonly row: Row; readonly failure: Failure }[] = [];
  let heard = false;
  const release = async (): Promise<void> => {
    const released = rows;
    rows = [];
    for (const { row, failure } of released) await tell(row, afterCalls(failure.words, calls));
  };
  return {
    add: (row, failure) => {
      if (failure.kind === 'final') throw refused(name, failure);
      if ((failure.retryAfter ?? 0) > longestRetryAfter) throw unavailable(name, failure, calls);
      rows.push({ row, failure });
      if (rows.length >= mostFailedRows) throw unavailable(name, rows[0]!.failure, calls);
    },
    broken: () => {
      heard = true;
      return release();
    },
    end: async () => {
      if (rows[0] && !heard) throw unavailable(name, rows[0].failure, calls);
      await release();
    },
  };
}

const refused = (name: string, failure: Failure): WhetstoneError =>
  new WhetstoneError('JUDGE_REFUSED', refusalText(name, failure), {
    hint: 'Those are the words of the server. Asking again would not help; what was judged so far is kept.',
  });

const unavailable = (name: string, failure: Failure, calls: number): WhetstoneError =>
  new WhetstoneError('JUDGE_UNAVAILABLE', unavailableText(name, failure, calls), {
    hint: 'What was judged so far is kept; run it again when the server is back.',
  });

/** Runs `work` with a signal that an abort of `signal` passes on, as WhetstoneError `STOPPED`. */
async function stoppable(
  signal: AbortSignal | undefined,
  work: (stopped: AbortSignal) => Promise<void>,
): Promise<void> {
  const stopping = new AbortController();
  // Every call that waits listens; Node warns from the eleventh on.
  setMaxListeners(0, stopping.signal);
  const stop = (): void => stopping.abort(new WhetstoneError('STOPPED', 'judging was stopped'));
  if (signal?.aborted) stop();
  signal?.addEventListener('abort', stop, { once: true });
  try {
    await work(stopping.signal);
  } finally {
    signal?.removeEventListener('abort', stop);
  }
}
