// The test of a judge model on the rows that were kept back from it: every reply is kept as it arrives, so that a kill
// costs no reply. Knows the run directory's files of the test; figures are made elsewhere.
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { writeFileDurably, hasCode } from '../durable/files.ts';
import { openJournal } from '../durable/journal.ts';
import { labelOf, readTriplets } from '../judgments/index.ts';
import { outcomeOfReply, readDecision } from '../judges/local/decision.ts';
import { isJudged } from '../judges/judge.ts';
import { openJudgeModel } from '../judges/local/judge-model.ts';
import type { JudgeModelSettings } from '../judges/local/judge-model.ts';
import { rowsUnderWay } from '../judges/local/local.ts';
import { workThrough } from '../judges/pool.ts';
import { agreementOf } from './agreement.ts';
import type { Agreement } from './agreement.ts';
import { noRows } from './rows.ts';

export interface TestSettings extends JudgeModelSettings {
  readonly signal?: AbortSignal;
  readonly onReply?: (done: number, total: number) => void;
}

/** A line of RUN/replies.jsonl. */
interface KeptReply {
  /** Position in the file of rows kept back. */
  readonly row: number;
  readonly text: string | null;
  /** Why there is no text. */
  readonly impossible?: string;
}

const agreementFile = (run: string): string => join(run, 'agreement.json');

/** What a test that is done has found; null where it is not. */
export async function recordedAgreement(run: string): Promise<Agreement | null> {
  try {
    return JSON.parse(await readFile(agreementFile(run), 'utf8')) as Agreement;
  } catch (error) {
    if (hasCode(error, 'ENOENT')) return null;
    throw error;
  }
}

/**
 * Asks the judge in `run` about every row of `file`, writes held-out.jsonl (the data's judgments and the judge's side
 * by side) and then agreement.json. Null, and no files, for no rows.
 */
export async function testJudge(
  run: string,
  file: string,
  settings: TestSettings,
): Promise<Agreement | null> {
  const { triplets } = await readTriplets(file).catch(noRows);
  if (triplets.length === 0) return null;
  const model = await openJudgeModel(run, settings);
  const journal = await openJournal<KeptReply>(join(run, 'replies.jsonl'));
  try {
    const replies = new Map(journal.records.map((reply) => [reply.row, reply]));
    settings.onReply?.(replies.size, triplets.length);
    const open = Array.from(triplets.keys()).filter((row) => !replies.has(row));
    await workThrough(
      open,
      rowsUnderWay,
      async (row) => {
        const reply = await model.reply(triplets[row]!, settings.signal);
        const kept: KeptReply =
          'impossible' in reply
            ? { row, text: null, impossible: reply.impossible }
            : { row, text: reply.text };
        await journal.append(kept);
        replies.set(row, kept);
        settings.onReply?.(replies.size, triplets.length);
      },
      settings.signal,
    );
    const compared = triplets.map((triplet, row) => {
      const { text, impossible } = replies.get(row)!;
      const outcome =
        text === null ? { id: '', unscored: impossible ?? '' } : outcomeOfReply('', text, model.words);
      const expected = labelOf(triplet) === 'align-p';
      const found = text === null ? null : (readDecision(text, model.words)?.perfect ?? null);
      const { instruction, input, output, judgment } = triplet;
      const line = {
        ...{ instruction, ...(input !== undefined && { input }), output },
        data: { perfect: expected, judgment },
        judge: {
          perfect: found,
          ...(isJudged(outcome) ? { judgment: outcome.judgment } : { unscored: outcome.unscored }),
        },
      };
      return { pair: { expected, found }, line };
    });
    const agreement = agreementOf(compared.map(({ pair }) => pair))!;
    const lines = compared.map(({ line }) => `${JSON.stringify(line)}\n`);
    await writeFileDurably(join(run, 'held-out.jsonl'), lines.join(''));
    await writeFileDurably(agreementFile(run), `${JSON.stringify(agreement, null, 2)}\n`);
    return agreement;
  } finally {
    await journal.close();
    await model.close();
  }
}
