// A person as a judge: rows are put into a file to be filled in, and read back from it. Knows what a filled-in
// judgment means, and that nothing of it may be lost.
import { readFile, stat } from 'node:fs/promises';
import { dirname, resolve } from 'node:path';
import { hasCode, makeFolder, replaceFile, writeFileDurably } from '../../durable/files.ts';
import { WhetstoneError } from '../../errors.ts';
import type { Problem } from '../../errors.ts';
import { isPlaceholder } from '../../judgments/wording.ts';
import { conversationText, isConversation } from '../../rows/conversation.ts';
import { usageOf } from '../answers.ts';
import type { Judge, JudgeRequest } from '../judge.ts';
import { addRows, personFormat, readFilled } from './person-file.ts';
import type { FilledRow } from './person-file.ts';
import { keyOf, outcomeOfWords } from './said.ts';
import { reasonOf } from '../../words/system-errors.ts';

const INSTRUCTIONS = `Write into "judgment" of each row, in plain words, what is wrong with the response ("output") to the
instruction. Where nothing is wrong write "perfect" (or "ok"); where you cannot say write "skip".
An empty judgment has not been made yet. Leave "id" as it is; everything else may be moved about.`;

/**
 * Opens a file, CSV or JSONL by its name, in which a person judges. `judge` adds the rows that are not in it yet, and
 * hands on the judgments once all rows that were asked for have one; until then it throws `JUDGE_WAITING`, which says
 * what to do. What the person wrote is never changed. A judgment may be revised until all are there.
 *
 * Throws WhetstoneError `UNKNOWN_FORMAT` for other names; judging throws `INVALID_ROWS`, `MALFORMED_JSON` and
 * `MALFORMED_CSV` for files that cannot be read, and as `explainWriting`.
 */
export function openPersonJudge(file: string, settings: object = {}): Promise<Judge> {
  void settings;
  personFormat(file);
  return Promise.resolve({
    name: `a person, in ${file}`,
    fingerprint: `person:${resolve(file)}`,
    judge: async (requests, { onOutcome, signal }) => {
      if (signal?.aborted) throw new WhetstoneError('STOPPED', 'stopped before the file was read');
      if (requests.length === 0) return;
      const answers = readAnswers(readFilled((await bytesOf(file)) ?? Buffer.alloc(0), file), file);
      const open = requests.filter((request) => !answers.judged.has(keyOf(request)));
      if (open.length === 0) {
        for (const request of requests)
          await onOutcome(outcomeOfWords(request.id, answers.judged.get(keyOf(request))!));
        return;
      }
      const fresh = open.filter((request) => !answers.present.has(keyOf(request)));
      if (fresh.length > 0) await addToFile(file, fresh);
      throw waiting(file, { open: open.length, all: requests.length, added: fresh.length }, answers.unclear);
    },
    usage: () => usageOf(0),
    close: () => Promise.resolve(),
  });
}

interface Answers {
  readonly present: ReadonlySet<string>;
  readonly judged: ReadonlyMap<string, string>;
  /** Filled in with what is no judgment. */
  readonly unclear: readonly Problem[];
}

function readAnswers(rows: readonly FilledRow[], file: string): Answers {
  const judged = new Map<string, string>();
  const unclear: Problem[] = [];
  for (const { id, judgment, line } of rows) {
    const words = judgment.replaceAll('\r\n', '\n').trim();
    if (words === '') continue;
    if (isPlaceholder(words)) {
      unclear.push({ line, problem: `${JSON.stringify(words)} is no judgment` });
      continue;
    }
    const before = judged.get(id);
    if (before !== undefined && before !== words) {
      throw new WhetstoneError('INVALID_ROWS', `the row ${id} stands there twice, with different judgments`, {
        file,
        line,
        field: 'judgment',
        hint: 'Remove one of the two rows.',
      });
    }
    judged.set(id, words);
  }
  return { present: new Set(rows.map(({ id }) => id)), judged, unclear };
}

async function addToFile(file: string, rows: readonly JudgeRequest[]): Promise<void> {
  const open = rows.map((request) => {
    const { input, output } = request;
    const instruction = isConversation(request) ? conversationText(request) : request.instruction;
    return { id: keyOf(request), instruction, ...(input !== undefined && { input }), output };
  });
  await makeFolder(dirname(resolve(file)));
  const readme = `${file}.README.txt`;
  if (!(await stat(readme).catch(() => null))) await writeFileDurably(readme, `${INSTRUCTIONS}\n`);
  // Read again just before, in case the person has saved the file meanwhile.
  await replaceFile(file, async (append) => append(addRows(await bytesOf(file), open, file)));
}

async function bytesOf(file: string): Promise<Buffer | null> {
  return readFile(file).catch((cause: unknown) => {
    if (hasCode(cause, 'ENOENT')) return null;
    throw new WhetstoneError('FILE_NOT_READABLE', `the file cannot be read: ${reasonOf(cause)}`, {
      file,
      cause,
    });
  });
}

const shownUnclear = 5;

function waiting(
  file: string,
  { open, all, added }: { open: number; all: number; added: number },
  unclear: readonly Problem[],
): WhetstoneError {
  const news = added > 0 ? `; ${added} of them were added just now` : '';
  return new WhetstoneError('JUDGE_WAITING', `${open} of ${all} rows wait for a person's judgment${news}`, {
    file,
    problems: unclear,
    shown: shownUnclear,
    hint: `${INSTRUCTIONS.replaceAll('\n', '\n  ')}\n  Save the file and run the same command again.`,
  });
}
