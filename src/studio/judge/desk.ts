// A queue and those who sit at it: who is there, who looks at which row, what the page is told. Knows a queue; not where
// its rows come from and go to.
import { labelOf } from '../../judgments/triplet.ts';
import { isJudged } from '../../judges/judge.ts';
import type { Said } from '../../judges/person/opinions.ts';
import type { Queue } from '../../judges/person/queue.ts';
import { messagesOf } from '../../rows/conversation.ts';
import { ApiError } from '../../serving/api-error.ts';
import type { Verdict } from '../api/chat.ts';
import type { OpinionTaken, QueueRow, QueueState, Undone } from '../api/judge.ts';

export interface Desk {
  readonly name: string;
  /** Rows that have an outcome, and all. */
  standing(): { readonly settled: number; readonly total: number };
  /** Sends what is so now, and then each change until the signal; the person is there so long. */
  sit(person: string, send: (event: QueueState) => void, signal: AbortSignal): void;
  row(person: string, row: number): QueueRow;
  next(person: string, others: boolean): QueueRow | null;
  say(person: string, said: OpinionOf): Promise<OpinionTaken>;
  undo(person: string): Promise<Undone>;
  /** Writes the rows that are judged so far. */
  write(): Promise<void>;
  /** Shows another queue in place of the one before. */
  show(queue: Queue | null): void;
  close(): Promise<void>;
}

export interface OpinionOf {
  readonly row: number;
  readonly serial: number;
  readonly verdict: Verdict;
  readonly others: boolean;
}

/** Where judged rows go. */
export interface Results {
  readonly out: string;
  /** Rows in the file as it was written last. */
  written(): number | null;
  problem(): string | null;
  /** Writes what is settled; rows that nobody has judged are left out. A failure is the problem. */
  write(): Promise<void>;
  close(): Promise<void>;
}

interface Setting {
  readonly name: string;
  readonly queue: Queue | null;
  readonly results: Results | null;
  /** Is called after each change. */
  readonly changed: () => void;
}

const mostApart = 20;

export function openDesk({ name, queue: first, results, changed }: Setting): Desk {
  let queue: Queue | null = null;
  let serial = 0;
  let leave = (): void => undefined;
  const sitting = new Set<{ readonly person: string; readonly send: (event: QueueState) => void }>();
  const looksAt = new Map<string, number>();

  const isPresent = (person: string): boolean => [...sitting].some((each) => each.person === person);
  const common = (): Omit<QueueState, 'own'> => {
    const apart = queue?.apart() ?? [];
    return {
      ...{ name, serial },
      title: queue?.title ?? '',
      total: queue?.rows.length ?? 0,
      settled: queue?.settled() ?? 0,
      people: (queue?.people() ?? []).map((each) => ({ ...each, present: isPresent(each.person) })),
      agreement: queue?.agreement() ?? [],
      apart: { rows: apart.slice(0, mostApart), count: apart.length },
      out: results?.out ?? null,
      written: results?.written() ?? null,
      problem: results?.problem() ?? null,
    };
  };
  const stateFor = (person: string, state = common()): QueueState => {
    const counts = state.people.find((each) => each.person === person);
    return { ...state, own: counts === undefined ? 0 : counts.judged + counts.skipped };
  };
  /** Once for many changes at a time. */
  let telling = false;
  const tell = (): void => {
    if (telling) return;
    telling = true;
    setImmediate(() => {
      telling = false;
      const state = common();
      for (const { person, send } of sitting) send(stateFor(person, state));
      changed();
    });
  };
  const rowOf = (person: string, row: number): QueueRow => {
    const request = queue?.rows[row];
    if (queue === null || request === undefined)
      throw new ApiError(404, `There is no row ${row + 1}.`, { code: 'no_such_row' });
    looksAt.set(person, row);
    const opinions = queue.opinionsOf(row);
    const own = opinions.find((each) => each.person === person);
    return {
      ...{ row, serial },
      messages: messagesOf(request),
      output: request.output,
      verdict: own === undefined ? null : verdictOf(own.said),
      others:
        own === undefined
          ? []
          : opinions
              .filter((each) => each !== own)
              .map((each) => ({ person: each.person, verdict: verdictOf(each.said) })),
    };
  };
  const next = (person: string, others: boolean): QueueRow | null => {
    const isTaken = (row: number): boolean =>
      [...looksAt].some(([other, at]) => at === row && other !== person && isPresent(other));
    const row = queue?.next(person, { others, isTaken }) ?? null;
    if (row === null) looksAt.delete(person);
    return row === null ? null : rowOf(person, row);
  };
  /** What is settled goes to its file when all is. */
  const writeIfSettled = async (): Promise<void> => {
    if (queue === null || results === null || queue.settled() < queue.rows.length) return;
    await results.write();
    tell();
  };
  const show = (shown: Queue | null): void => {
    leave();
    queue = shown;
    serial++;
    looksAt.clear();
    leave = shown?.on(tell) ?? ((): void => undefined);
    tell();
  };
  show(first);
  void writeIfSettled();
  return {
    name,
    standing: () => ({ settled: queue?.settled() ?? 0, total: queue?.rows.length ?? 0 }),
    sit: (person, send, signal) => {
      const seat = { person, send };
      sitting.add(seat);
      const stand = (): void => {
        sitting.delete(seat);
        if (!isPresent(person)) looksAt.delete(person);
        tell();
      };
      signal.addEventListener('abort', stand, { once: true });
      send(stateFor(person));
      tell();
    },
    row: rowOf,
    next,
    say: async (person, { row, serial: seen, verdict, others }) => {
      if (queue === null || seen !== serial)
        throw new ApiError(409, 'Other responses have taken the place of this one. Reload the page.', {
          code: 'other_rows',
        });
      rowOf(person, row);
      const outcome = await queue.say(row, { person, said: saidOf(verdict) });
      await writeIfSettled();
      const judged = isJudged(outcome) ? outcome : null;
      return {
        row: next(person, others),
        counts:
          judged === null ? 'skipped' : labelOf(judged) === 'align-p' ? 'satisfactory' : 'unsatisfactory',
        suspicious: judged?.suspicious ?? null,
      };
    },
    undo: async (person) => {
      const found = (await queue?.takeBack(person)) ?? null;
      return {
        undone: found && { row: rowOf(person, found.row), verdict: verdictOf(found.said) },
      };
    },
    write: async () => {
      if (queue === null || results === null)
        throw new ApiError(409, 'A command waits for these judgments; there is no file to write.', {
          code: 'no_file',
        });
      await results.write();
      tell();
    },
    show,
    close: async () => {
      leave();
      await results?.close();
    },
  };
}

function verdictOf(said: Said): Verdict {
  if ('skipped' in said) return { kind: 'skipped' };
  const { judgment, errors } = said;
  return judgment === null ? { kind: 'perfect' } : { kind: 'wrong', words: judgment, marks: errors ?? [] };
}

function saidOf(verdict: Verdict): Said {
  switch (verdict.kind) {
    case 'skipped':
      return { skipped: true };
    case 'perfect':
      return { judgment: null };
    case 'wrong':
      return { judgment: verdict.words, errors: verdict.marks };
  }
}
