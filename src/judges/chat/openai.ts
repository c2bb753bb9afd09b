// A judge behind an OpenAI-compatible chat server: replies that are kept are read anew, a reply that cannot be read is
// asked for once more, and rows without an answer are told from a server that is away. Knows no HTTP.
import { setMaxListeners } from 'node:events';
import { WhetstoneError } from '../../errors.ts';
import { openAsker } from './asking.ts';
import type { Signals } from './asking.ts';
import { chatFingerprint, chatKey, chatRequests } from './chat-request.ts';
import { systemClock } from './clock.ts';
import type { Clock } from './clock.ts';
import type { Judge, JudgeCall, JudgeRequest, Outcome, Unscored } from '../judge.ts';
import { loadPrompt } from './prompt.ts';
import type { ChatMessage } from './prompt.ts';
import { readReply } from './read-reply.ts';
import type { Reading } from './read-reply.ts';
import { longestRetryAfter } from './retry.ts';
import type { Failure } from './retry.ts';
import type { JudgeSettings } from '../settings.ts';
import type { ChatSpec } from '../spec.ts';

/** So many rows, one after the other, whose calls all failed mean that the server is away rather than a row at fault. */
const mostFailedRows = 3;

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
  let cached = 0;

  /** A reading, or the failure that kept it from being made. */
  async function read(row: JudgeRequest, signals: Signals): Promise<Verdict> {
    const question = (messages: readonly ChatMessage[]): Question => {
      const kept = asker.kept(messages);
      return { messages, kept: kept && readReply(kept, row, messages) };
    };
    const first = question(prompt.messages(row));
    const second = question(prompt.reminded(row));
    for (const { kept } of [first, second]) {
      if (kept && 'judgment' in kept) return { reading: kept, cached: true };
    }
    // Where both replies are kept and neither can be read, there is nothing to lose by asking anew.
    let reading = second.kept === null ? first.kept : null;
    for (const { messages } of reading ? [second] : [first, second]) {
      const answer = await asker.ask(messages, signals);
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
      // That the other was stopped need not stop this one.
      const verdict = await other.catch(() => read(row, signals));
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
        if (verdict.cached) cached++;
        else answered = true;
        await onOutcome(outcomeOf(row, verdict.reading));
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
        await onOutcome({ id: row.id, unscored: failure.words });
        return release();
      }
      failed.push({
        id: row.id,
        unscored: `no answer after ${settings.retries + 1} calls: ${failure.words}`,
      });
      if (failed.length >= mostFailedRows) throw unavailable(requests.name, failed[0]!.unscored);
    };
    try {
      await inParallel(rows, settings.concurrency, stop, handle);
      if (failed[0] && !answered) throw unavailable(requests.name, failed[0].unscored);
      await release();
    } finally {
      signal?.removeEventListener('abort', stopped);
    }
  }

  return {
    name: requests.name,
    fingerprint: chatFingerprint(requests, prompt),
    judge,
    usage: () => ({ ...asker.usage(), cached }),
    close: () => asker.close(),
  };
}

interface Question {
  readonly messages: readonly ChatMessage[];
  /** What the kept reply says, if there is one. */
  readonly kept: Reading | null;
}

type Verdict = { readonly reading: Reading; readonly cached: boolean } | { readonly failure: Failure };

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

function unavailable(name: string, words: string): WhetstoneError {
  return new WhetstoneError('JUDGE_UNAVAILABLE', `${name} does not answer: ${words}`, {
    hint: 'What was judged so far is kept; run it again when the server is back.',
  });
}

const stoppedError = (): WhetstoneError => new WhetstoneError('STOPPED', 'judging was stopped');
