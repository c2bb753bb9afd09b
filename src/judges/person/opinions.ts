// What people said of responses, a line each in a journal: who, of which response, which words and marks; what was taken
// back is a line too. Knows no queue and no page.
import { dirname } from 'node:path';
import { makeFolder } from '../../durable/files.ts';
import { openJournal } from '../../durable/journal.ts';
import { lockFile } from '../../durable/lock.ts';
import { marksOf, spansOf } from '../../judgments/marks.ts';
import type { Mark } from '../../judgments/marks.ts';
import { isFields } from '../../rows/fields.ts';
import type { Span } from '../../rows/unicode.ts';

/** What somebody said of a response. */
export type Said =
  | { readonly judgment: string | null; readonly errors?: readonly Span[] }
  /** They cannot say. */
  | { readonly skipped: true };

export interface Opinion {
  readonly person: string;
  readonly said: Said;
}

export interface Opinions {
  /** Of a response, by its key: of each person the last, who spoke last at the end. */
  of(key: string): readonly Opinion[];
  /** It is on disk when this resolves, and counts from then on. */
  say(key: string, opinion: Opinion): Promise<void>;
  /** What the person said last, and of which response; null where there is nothing. */
  last(person: string): { readonly key: string; readonly said: Said } | null;
  /** Takes that back; what they had said of the response before it holds again. */
  takeBack(person: string): Promise<void>;
  /** What was said has been handed on: nobody takes it back, and what was skipped is asked again. */
  handOn(): Promise<void>;
  /** Everybody who said something, in the order in which they came. */
  people(): readonly string[];
  close(): Promise<void>;
}

interface Spoken {
  readonly key: string;
  readonly said: Said;
  readonly before: readonly Opinion[];
}

type Line =
  | ({ readonly key: string; readonly person: string; readonly at?: string } & (
      { readonly judgment: string | null; readonly errors?: readonly Mark[] } | { readonly skipped: true }
    ))
  | { readonly person: string; readonly undone: true }
  | { readonly handed_on: true };

/** Opens or makes the file, and locks it. Throws WhetstoneError `RUN_LOCKED`, `DAMAGED_JOURNAL`, and as `explainWriting`. */
export async function openOpinions(path: string): Promise<Opinions> {
  await makeFolder(dirname(path));
  const lock = await lockFile(path);
  const journal = await openJournal<Line>(path, readLine).catch(async (error: unknown) => {
    await lock.release();
    throw error;
  });
  const byKey = new Map<string, readonly Opinion[]>();
  const people = new Set<string>();
  /** What each person said, the newest at the end, with what it took the place of. */
  const spoken = new Map<string, Spoken[]>();
  const take = (line: Line): void => {
    if ('handed_on' in line) {
      spoken.clear();
      for (const [key, opinions] of byKey)
        byKey.set(
          key,
          opinions.filter(({ said }) => !('skipped' in said)),
        );
    } else if ('undone' in line) {
      const last = spoken.get(line.person)?.pop();
      if (last === undefined) return;
      const others = (byKey.get(last.key) ?? []).filter(({ person }) => person !== line.person);
      const own = last.before.filter(({ person }) => person === line.person);
      byKey.set(last.key, [...own, ...others]);
    } else {
      const { key, person } = line;
      const before = byKey.get(key) ?? [];
      const said = saidOf(line);
      people.add(person);
      byKey.set(key, [...before.filter((each) => each.person !== person), { person, said }]);
      const own = spoken.get(person) ?? [];
      own.push({ key, said, before });
      spoken.set(person, own);
    }
  };
  journal.records.forEach(take);
  const add = async (line: Line): Promise<void> => {
    await journal.append(line);
    take(line);
  };
  return {
    of: (key) => byKey.get(key) ?? [],
    say: (key, { person, said }) => {
      const at = new Date().toISOString();
      if ('skipped' in said) return add({ key, person, skipped: true, at });
      const { judgment, errors } = said;
      return add({ key, person, judgment, ...(errors && { errors: marksOf(errors) }), at });
    },
    last: (person) => spoken.get(person)?.at(-1) ?? null,
    takeBack: (person) => add({ person, undone: true }),
    handOn: () => add({ handed_on: true }),
    people: () => [...people],
    close: async () => {
      await journal.close();
      await lock.release();
    },
  };
}

function saidOf(line: Extract<Line, { key: string }>): Said {
  if ('skipped' in line) return { skipped: true };
  const errors = line.errors && spansOf(line.errors)!;
  return { judgment: line.judgment, ...(errors && { errors }) };
}

function readLine(value: unknown): Line | null {
  if (!isFields(value)) return null;
  const { key, person, judgment, errors } = value;
  if (value['handed_on'] === true) return { handed_on: true };
  if (typeof person !== 'string') return null;
  if (value['undone'] === true) return { person, undone: true };
  if (typeof key !== 'string') return null;
  if (value['skipped'] === true) return { key, person, skipped: true };
  const readable = judgment === null || typeof judgment === 'string';
  return readable && (errors === undefined || spansOf(errors) !== null) ? (value as object as Line) : null;
}
