// The circumstances of a run, beside its settings, as data: each has a name in run.yaml and a way in which it is compared
// when the run goes on. Knows how things are compared, not what they are.
import { digestDifferences } from './digests.ts';
import type { Digests } from './digests.ts';
import { recordFault } from './record.ts';
import type { RunRecord } from './record.ts';

export interface Circumstance {
  /** What the record has of it, for people. */
  readonly expected: string;
  readonly isRecorded: (value: unknown) => boolean;
  /** One line for each difference. */
  readonly differences: (before: never, now: never, around: Around) => readonly string[];
}

/** What else is known where a circumstance is compared. */
export interface Around {
  /** Differences of the circumstances before it. */
  readonly found: readonly string[];
  readonly recorded: Readonly<Record<string, unknown>>;
  readonly present: Readonly<Record<string, unknown>>;
}

/** Those of `T` that decide what is computed; the others are not compared. */
export type CircumstanceTable<T> = { readonly [K in keyof T]?: Circumstance };

/**
 * One line for everything outside the settings that has changed under the run. Throws WhetstoneError `BAD_RUN` for a
 * record that lacks one of the table's circumstances.
 */
export function circumstanceDifferences<T extends object>(
  table: CircumstanceTable<T>,
  now: T,
  recorded: RunRecord,
): string[] {
  const found: string[] = [];
  for (const [name, circumstance] of Object.entries<Circumstance | undefined>(table)) {
    if (!circumstance) continue;
    const before = recorded.run[name];
    if (!circumstance.isRecorded(before)) throw recordFault(recorded, name, circumstance.expected, before);
    const around = { found, recorded: recorded.run, present: now as Readonly<Record<string, unknown>> };
    found.push(...circumstance.differences(before as never, now[name as keyof T] as never, around));
  }
  return found;
}

const isTexts = (value: unknown): boolean =>
  typeof value === 'object' &&
  value !== null &&
  Object.values(value).every((each) => typeof each === 'string');

/** A text that has to be the same. */
export const sameText = (
  line: (before: string, now: string, around: Around) => string | null,
): Circumstance => ({
  expected: 'a text',
  isRecorded: (value) => typeof value === 'string',
  differences: (before: string, now: string, around) => {
    const said = before === now ? null : line(before, now, around);
    return said === null ? [] : [said];
  },
});

/** The digest of a file; null, or left out by older versions, where there is none. */
export const sameFile = (what: string): Circumstance => ({
  expected: 'the digest of a file',
  isRecorded: (value) => value === undefined || value === null || typeof value === 'string',
  differences: (before: string | null | undefined, now: string | null) =>
    (before ?? null) === now ? [] : [`${what}: the file has other content than when the run began`],
});

/** The digests of a folder's files; null, or left out by older versions, where there is none. */
export const sameFolder = (what: string): Circumstance => ({
  expected: 'the digests of a folder',
  isRecorded: (value) => value === undefined || value === null || isTexts(value),
  differences: (before: Digests | null | undefined, now: Digests | null) =>
    digestDifferences(what, before, now),
});

/** Several texts; `names` say what each is called, and are told one by one. */
export const sameTexts = <T extends object>(
  what: string,
  names: Readonly<Record<keyof T & string, string>>,
): Circumstance => ({
  expected: 'texts by name',
  isRecorded: isTexts,
  differences: (before: Partial<T>, now: Partial<T>) =>
    Object.entries<string>(names).flatMap(([key, name]) =>
      before[key as keyof T] === now[key as keyof T] ? [] : [`${what}: ${name} differently`],
    ),
});

/** The model's tokenizer, which is told apart only where no file of the model has told it. */
export const sameTokenizer: Circumstance = sameText((_before, _now, { found }) =>
  found.some((line) => line.includes('tokenizer')) ? null : 'tokenizer: another one than when the run began',
);
