// The answers that a model gave while it learns, answers.jsonl: what a judgment by an answer's id is about, and what is
// asked, for the choice of fixed prompts. Nothing waits for the disk. Knows texts, no requests.
import { linesOf, openJournal } from '../durable/journal.ts';
import { WhetstoneError } from '../errors.ts';
import { promptKey, promptOf } from '../rows/conversation.ts';
import type { Message, PromptFields } from '../rows/conversation.ts';
import { isFields } from '../rows/fields.ts';

export interface Answer extends PromptFields {
  /** The answer's own name, such as the id of a chat completion. */
  readonly id: string;
  /** Which of several choices it is, from 0; left out, the first. */
  readonly choice?: number;
  readonly output: string;
  /** The version that gave it. */
  readonly version: number;
}

export interface Answers {
  /** Notes an answer. Returns at once. */
  add(answer: Answer): void;
  /** Those of a name, several where a request asked for several; none where it is unknown. */
  named(id: string): Promise<readonly Answer[]>;
  /** The last answer with this text to this prompt, among those that are remembered. */
  given(prompt: PromptFields, output: string): Answer | null;
  /** Prompts that were answered, the last first, each once, as far as they are remembered. */
  asked(): PromptFields[];
  close(): Promise<void>;
}

/** Answers that are remembered; older ones are looked for in the file. */
const remembered = 2000;
const ownerOnly = 0o600;

interface Line extends Answer {
  readonly time: string;
}

/** Opens or makes the file. `onFault` hears of the first line that could not be written. Throws as `openJournal`. */
export async function openAnswers(path: string, onFault: (error: WhetstoneError) => void): Promise<Answers> {
  const last: Answer[] = [];
  const remember = (answer: Answer): void => {
    last.push(answer);
    if (last.length > remembered) last.shift();
  };
  const journal = await openJournal<object>(
    path,
    (value) => {
      const answer = answerOf(value);
      if (answer !== null) remember(answer);
      // What is remembered is kept once.
      return answer === null ? null : {};
    },
    { mode: ownerOnly },
  );
  let failed = false;
  const fail = (error: unknown): void => {
    if (!failed)
      onFault(
        error instanceof WhetstoneError
          ? error
          : new WhetstoneError('WRITE_FAILED', String(error), { file: path }),
      );
    failed = true;
  };
  const keyOf = (prompt: PromptFields): string => JSON.stringify(promptKey(prompt));
  return {
    add: (answer) => {
      remember(answer);
      if (failed) return;
      const { id, choice = 0, output, version } = answer;
      const line: Line = { time: new Date().toISOString(), id, choice, ...promptOf(answer), output, version };
      journal.append(line).catch(fail);
    },
    named: async (id) => {
      const known = last.filter((answer) => answer.id === id);
      if (known.length > 0 || last.length < remembered) return known;
      const found: Answer[] = [];
      for await (const { line } of linesOf<Answer>(path, answerOf)) if (line.id === id) found.push(line);
      return found;
    },
    given: (prompt, output) => {
      const key = keyOf(prompt);
      return last.findLast((answer) => answer.output === output && keyOf(answer) === key) ?? null;
    },
    asked: () => {
      const found = new Map<string, PromptFields>();
      for (const answer of [...last].reverse()) {
        const key = keyOf(answer);
        if (!found.has(key)) found.set(key, promptOf(answer));
      }
      return [...found.values()];
    },
    close: () => journal.close(),
  };
}

function answerOf(value: unknown): Answer | null {
  if (!isFields(value)) return null;
  const { id, choice = 0, instruction, output, version, input, before } = value;
  if (typeof id !== 'string' || typeof instruction !== 'string' || typeof output !== 'string') return null;
  if (typeof version !== 'number' || typeof choice !== 'number' || !isInput(input) || !isBefore(before))
    return null;
  return { id, choice, ...promptOf({ instruction, input, before }), output, version };
}

const isInput = (value: unknown): value is string | undefined =>
  value === undefined || typeof value === 'string';

const isBefore = (value: unknown): value is readonly Message[] | undefined =>
  value === undefined ||
  (Array.isArray(value) &&
    value.every((message) => isFields(message) && typeof message['content'] === 'string'));
