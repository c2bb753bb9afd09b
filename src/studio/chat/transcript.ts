// What was said in the Chat room, chat.jsonl in the home of a model that learns: messages with their answers, answers that
// were skipped, answers given again by a new version. Judgments are the home's own. Knows records, no model.
import { openJournal } from '../../durable/journal.ts';
import { isFields } from '../../rows/fields.ts';
import type { Fields } from '../../rows/fields.ts';
import type { Message } from '../../rows/conversation.ts';

/** A message and its answer. */
export interface Exchange {
  readonly id: string;
  /** What was said before the message, where the model was shown it. */
  readonly before: readonly Message[];
  readonly message: string;
  readonly text: string;
  readonly version: number;
  readonly whole: boolean;
}

/** What a version answers to the prompts that it learned from. */
export interface AnsweredAgain {
  readonly version: number;
  /** By the ids of the judgments. */
  readonly answers: readonly { readonly judgment: string; readonly after: string }[];
}

type Line =
  | ({ readonly event: 'answered' } & Exchange)
  | { readonly event: 'begun anew' }
  | { readonly event: 'skipped' | 'not skipped'; readonly answer: string }
  | ({ readonly event: 'answered again' } & AnsweredAgain);

export interface Transcript {
  /** Of the conversation that goes on now. */
  exchanges(): readonly Exchange[];
  named(id: string): Exchange | null;
  isSkipped(id: string): boolean;
  again(version: number): AnsweredAgain | null;
  /** A name for the next answer. */
  nextId(): string;
  /** Appends; it is on disk when this resolves, and counts from then on. */
  add(line: Line): Promise<void>;
  close(): Promise<void>;
}

const isText = (value: unknown): boolean => typeof value === 'string';
const areAll = (value: unknown, is: (each: Fields) => boolean): boolean =>
  Array.isArray(value) && value.every((each) => isFields(each) && is(each));
const isSkip = (line: Fields): boolean => isText(line['answer']);

/** What a line of each kind has to hold; whoever goes on relies on it. */
const expected: Readonly<Record<Line['event'], (line: Fields) => boolean>> = {
  answered: (line) =>
    ['id', 'message', 'text'].every((name) => isText(line[name])) &&
    typeof line['version'] === 'number' &&
    typeof line['whole'] === 'boolean' &&
    areAll(line['before'], (message) => isText(message['role']) && isText(message['content'])),
  'begun anew': () => true,
  skipped: isSkip,
  'not skipped': isSkip,
  'answered again': (line) =>
    typeof line['version'] === 'number' &&
    areAll(line['answers'], (answer) => isText(answer['judgment']) && isText(answer['after'])),
};

function lineOf(value: unknown): Line | null {
  if (!isFields(value)) return null;
  const { event } = value;
  if (typeof event !== 'string' || !Object.hasOwn(expected, event)) return null;
  return expected[event as Line['event']](value) ? (value as object as Line) : null;
}

/** Opens or makes the file, which its owner alone may read. Throws as `openJournal`. */
export async function openTranscript(path: string): Promise<Transcript> {
  const journal = await openJournal<Line>(path, lineOf, { mode: 0o600 });
  const all = new Map<string, Exchange>();
  const skipped = new Set<string>();
  const again = new Map<number, AnsweredAgain>();
  let present: Exchange[] = [];
  let issued = 0;
  const take = (line: Line): void => {
    switch (line.event) {
      case 'answered':
        all.set(line.id, line);
        present.push(line);
        issued = Math.max(issued, all.size);
        break;
      case 'begun anew':
        present = [];
        break;
      case 'skipped':
        skipped.add(line.answer);
        break;
      case 'not skipped':
        skipped.delete(line.answer);
        break;
      case 'answered again':
        again.set(line.version, line);
        break;
    }
  };
  journal.records.forEach(take);
  return {
    exchanges: () => present,
    named: (id) => all.get(id) ?? null,
    isSkipped: (id) => skipped.has(id),
    again: (version) => again.get(version) ?? null,
    nextId: () => `a${++issued}`,
    add: async (line) => {
      await journal.append(line);
      take(line);
    },
    close: () => journal.close(),
  };
}
