// The test of a judge model on the rows that were kept back from it: every reply is kept as it arrives, so that a kill
// costs no reply. Knows the run directory's files of the test; figures are made elsewhere.
import { join } from 'node:path';
import { writeFileDurably } from '../durable/files.ts';
import { openKept } from '../durable/kept.ts';
import type { LineFormat } from '../durable/kept.ts';
import { inParallel } from '../durable/pool.ts';
import { doWork } from '../durable/work.ts';
import { labelOf, readTriplets } from '../judgments/index.ts';
import { promptRow } from '../rows/conversation.ts';
import { outcomeOfReply, readDecision } from '../judges/local/decision.ts';
import { isJudged } from '../judges/judge.ts';
import { openJudgeModel } from '../judges/local/judge-model.ts';
import type { JudgeModelSettings } from '../judges/local/judge-model.ts';
import { rowsUnderWay } from '../judges/local/local.ts';
import { agreementFile } from '../judges/local/agreement.ts';
import type { Agreement } from '../judges/local/agreement.ts';
import { agreementOf } from './agreement.ts';
import { noRows } from './rows.ts';

export interface TestSettings extends JudgeModelSettings {
  readonly signal?: AbortSignal;
  readonly onReply?: (done: number, total: number) => void;
}

interface KeptReply {
  readonly text: string | null;
  /** Why there is no text. */
  readonly impossible?: string;
}

/** Lines of RUN/replies.jsonl, by the row's position in the file of rows kept back. */
const replyLines: LineFormat<KeptReply> = {
  read: ({ row, ...reply }) =>
    typeof row === 'number' && 'text' in reply ? [String(row), reply as unknown as KeptReply] : null,
  write: (row, reply) => ({ row: Number(row), ...reply }),
};

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
  const kept = await openKept(join(run, 'replies.jsonl'), replyLines);
  try {
    const { signal } = settings;
    await doWork<number, KeptReply>({
      what: 'replies',
      items: [...triplets.keys()],
      isKept: (row) => kept.results.has(String(row)),
      keep: (row, reply) => kept.keep(String(row), reply),
      work: async (open, hand) => {
        await model.requireMemory(open.map((row) => triplets[row]!));
        await inParallel(
          open,
          rowsUnderWay,
          async (row, stop) => {
            const reply = await model.reply(triplets[row]!, stop);
            await hand(
              row,
              'text' in reply ? { text: reply.text } : { text: null, impossible: reply.impossible },
            );
          },
          { signal },
        );
      },
      signal,
      onProgress: settings.onReply,
    });
    const compared = triplets.map((triplet, row) => {
      const { text, impossible } = kept.results.get(String(row))!;
      const outcome =
        text === null ? { id: '', unscored: impossible ?? '' } : outcomeOfReply('', text, model.words);
      const expected = labelOf(triplet) === 'align-p';
      const found = text === null ? null : (readDecision(text, model.words)?.perfect ?? null);
      const { output, judgment } = triplet;
      const line = {
        ...promptRow(triplet),
        output,
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
    await kept.close();
    await model.close();
  }
}
