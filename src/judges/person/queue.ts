// Responses that people judge one after the other: whose turn is which, what came of each, how far they agree. Knows what
// was said; not where it is kept or shown.
import { WhetstoneError } from '../../errors.ts';
import { labelOf } from '../../judgments/triplet.ts';
import { isPlaceholder } from '../../judgments/wording.ts';
import { codePointLength } from '../../rows/unicode.ts';
import type { Span } from '../../rows/unicode.ts';
import { labelAgreement, spanAgreement } from '../../statistics/agreement.ts';
import { brokenText } from '../answers.ts';
import { isJudged } from '../judge.ts';
import type { JudgeRequest, Outcome } from '../judge.ts';
import type { PairAgreement, PersonCounts } from './counts.ts';
import type { Opinion, Opinions, Said } from './opinions.ts';
import { keyOf, outcomeOfWords, skipped } from './said.ts';

export interface Queue {
  /** What it is, for those who judge. */
  readonly title: string;
  readonly rows: readonly JudgeRequest[];
  /** Rows by their places, from 0. Of each person what they said last, who spoke last at the end. */
  opinionsOf(row: number): readonly Opinion[];
  /** The later judgment of several; unscored where all who saw it skipped it; null where nobody has said anything. */
  outcomeOf(row: number): Outcome | null;
  /** Rows that have an outcome. */
  settled(): number;
  /** What is said holds from when this resolves. Throws WhetstoneError `INVALID_JUDGMENT`. */
  say(row: number, opinion: Opinion): Promise<Outcome>;
  /** Takes back what the person said last, here; the row and the words, or null where there is nothing. */
  takeBack(person: string): Promise<{ readonly row: number; readonly said: Said } | null>;
  /** The row that a person should see next; null where nothing is left for them. */
  next(person: string, wish: NextWish): number | null;
  people(): readonly PersonCounts[];
  /** Each two people who judged rows in common. */
  agreement(): readonly PairAgreement[];
  /** Rows that some call satisfactory and others not. */
  apart(): readonly number[];
  /** Is called after each change, until the returned function is called. */
  on(listener: () => void): () => void;
}

export interface NextWish {
  /** Also rows that others have judged. */
  readonly others: boolean;
  /** Rows that somebody else is looking at. */
  readonly isTaken: (row: number) => boolean;
}

export interface QueueSettings {
  readonly title: string;
  readonly rows: readonly JudgeRequest[];
  readonly opinions: Opinions;
  /** What was said on another occasion does not count. */
  readonly occasion?: string | undefined;
}

export function queueOf({ title, rows, opinions, occasion }: QueueSettings): Queue {
  const keys = rows.map((row) => (occasion === undefined ? keyOf(row) : `${keyOf(row)} ${occasion}`));
  const rowOf = new Map(keys.map((key, row) => [key, row]));
  const listeners = new Set<() => void>();
  const changed = (): void => {
    for (const listener of listeners) listener();
  };
  const opinionsOf = (row: number): readonly Opinion[] => opinions.of(keys[row]!);
  const outcomeOf = (row: number): Outcome | null => {
    const said = opinionsOf(row);
    const last = said.findLast((each) => !('skipped' in each.said)) ?? said.at(-1);
    return last === undefined ? null : outcomeOfSaid(rows[row]!.id, last.said);
  };
  const settledRows = new Set(keys.flatMap((key, row) => (opinions.of(key).length > 0 ? [row] : [])));
  const recount = (row: number): void => {
    if (opinionsOf(row).length > 0) settledRows.add(row);
    else settledRows.delete(row);
  };
  return {
    ...{ title, rows, opinionsOf, outcomeOf },
    settled: () => settledRows.size,
    say: async (row, { person, said }) => {
      const sound = checked(said, rows[row]!);
      await opinions.say(keys[row]!, { person, said: sound });
      recount(row);
      changed();
      return outcomeOfSaid(rows[row]!.id, sound);
    },
    takeBack: async (person) => {
      const last = opinions.last(person);
      const row = last === null ? undefined : rowOf.get(last.key);
      if (row === undefined) return null;
      await opinions.takeBack(person);
      recount(row);
      changed();
      return { row, said: last!.said };
    },
    next: (person, { others, isTaken }) => {
      const first = (is: (row: number) => boolean): number | null => {
        const row = rows.findIndex((_, i) => is(i));
        return row < 0 ? null : row;
      };
      const isNew = (row: number): boolean => !opinionsOf(row).some((each) => each.person === person);
      const isOpen = (row: number): boolean => !settledRows.has(row);
      if (others) return first(isNew);
      const isSkipped = (row: number): boolean => isNew(row) && !isJudgedBySome(opinionsOf(row));
      return (
        first((row) => isOpen(row) && !isTaken(row)) ??
        first((row) => isSkipped(row) && !isTaken(row)) ??
        // Who looks at it may have left.
        first(isOpen)
      );
    },
    people: () => {
      const counts = new Map<string, { judged: number; skipped: number }>();
      for (const row of settledRows)
        for (const { person, said } of opinionsOf(row)) {
          const own = counts.get(person) ?? { judged: 0, skipped: 0 };
          own['skipped' in said ? 'skipped' : 'judged']++;
          counts.set(person, own);
        }
      return opinions
        .people()
        .flatMap((person) => (counts.has(person) ? [{ person, ...counts.get(person)! }] : []));
    },
    agreement: () => agreementOf(shared().map((row) => ({ id: rows[row]!.id, opinions: judgedOf(row) }))),
    apart: () => shared().filter((row) => new Set(judgedOf(row).map(({ said }) => labelOf(said))).size > 1),
    on: (listener) => {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
  };

  function judgedOf(row: number): JudgedOpinion[] {
    return opinionsOf(row).filter((each): each is JudgedOpinion => !('skipped' in each.said));
  }
  /** Rows that two have judged, in order. */
  function shared(): number[] {
    return [...settledRows].filter((row) => judgedOf(row).length > 1).sort((a, b) => a - b);
  }
}

type JudgedOpinion = Opinion & { readonly said: Exclude<Said, { skipped: true }> };

const isJudgedBySome = (opinions: readonly Opinion[]): boolean =>
  opinions.some(({ said }) => !('skipped' in said));

function outcomeOfSaid(id: string, said: Said): Outcome {
  if ('skipped' in said) return { id, unscored: skipped };
  if (said.judgment === null) return { id, judgment: null };
  const outcome = outcomeOfWords(id, said.judgment);
  // Marks say what is wrong; where nothing is there is nothing to mark.
  const marks = isJudged(outcome) && labelOf(outcome) === 'align-n' ? said.errors : undefined;
  return { ...outcome, ...(marks && marks.length > 0 && { errors: marks }) };
}

function checked(said: Said, { output }: JudgeRequest): Said {
  if ('skipped' in said || said.judgment === null) return said;
  const judgment = said.judgment.replaceAll('\r\n', '\n').trim();
  const refused = (problem: string, hint: string): WhetstoneError =>
    new WhetstoneError('INVALID_JUDGMENT', problem, { hint });
  if (judgment === '') throw refused('nothing was said', 'Say in words what is wrong, or that nothing is.');
  if (/\p{Surrogate}/u.test(judgment)) throw refused(brokenText, 'Write it anew.');
  if (isPlaceholder(judgment))
    throw refused(`${JSON.stringify(judgment)} is no judgment`, 'Skip the row if you cannot say.');
  const outcome = outcomeOfWords('', judgment);
  if (!isJudged(outcome)) return { skipped: true };
  const length = codePointLength(output);
  const errors = said.errors ?? [];
  for (const [start, end] of errors)
    if (!(0 <= start && start <= end && end <= length))
      throw refused(`there is no place ${start} to ${end} in the response`, 'Reload the page.');
  const isMarked = errors.length > 0 && labelOf(outcome) === 'align-n';
  return { judgment: outcome.judgment, ...(isMarked && { errors }) };
}

/** Each two who judged rows in common, in the order in which they come. */
function agreementOf(rows: readonly { readonly opinions: readonly JudgedOpinion[] }[]): PairAgreement[] {
  const pairs = new Map<string, { people: [string, string]; rows: [JudgedOpinion, JudgedOpinion][] }>();
  for (const { opinions } of rows) {
    const inOrder = [...opinions].sort((a, b) => (a.person < b.person ? -1 : 1));
    inOrder.forEach((one, i) => {
      for (const other of inOrder.slice(i + 1)) {
        const name = JSON.stringify([one.person, other.person]);
        const pair = pairs.get(name) ?? { people: [one.person, other.person], rows: [] };
        pair.rows.push([one, other]);
        pairs.set(name, pair);
      }
    });
  }
  return [...pairs.values()].map(({ people, rows }) => {
    const marks = rows.flatMap(([one, other]) => {
      const [ours, theirs] = [one.said.errors ?? [], other.said.errors ?? []];
      return ours.length > 0 && theirs.length > 0
        ? [[ours, theirs] as [readonly Span[], readonly Span[]]]
        : [];
    });
    return {
      people,
      labels: labelAgreement(
        rows.map(([{ said }]) => labelOf(said)),
        rows.map(([, { said }]) => labelOf(said)),
      ),
      marks: marks.length === 0 ? null : { rows: marks.length, ...spanAgreement(marks) },
    };
  });
}
