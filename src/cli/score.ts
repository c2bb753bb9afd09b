// whetstone score: token log-probs of every response, and which tokens its judgment is about.
import { computeOf } from '../engine/open-weights.ts';
import { scoreEntry } from '../evaluation/score-settings.ts';
import type { ScoreRow } from '../evaluation/score.ts';
import type { Triplet } from '../judgments/index.ts';
import { withConfig } from './flags.ts';
import type { Given, Verb, WithConfig } from './flags.ts';
import { readingOn } from './data.ts';
import { leftOutLines, reasonsBeside, requireFree } from './left-out.ts';
import { markFlagged } from './marks.ts';
import { plural } from '../words/numbers.ts';
import { openRowsOut, runKept, toStandardOutput } from './rows-out.ts';
import type { VerbContext } from './screen.ts';
import type { Colors } from './terminal.ts';
import { conversationText } from '../rows/conversation.ts';

type ScoreTable = WithConfig<typeof scoreEntry.table>;

export const scoreVerb: Verb<ScoreTable> = {
  name: 'score',
  summary: 'Show which tokens of each response its judgment is about',
  about: `For every response token: its log-prob (nats) after the plain prompt and, for an
unsatisfactory response, after the prompt that shows the judgment. A token is flagged
when its judged probability is more than lambda times the plain one.

With --out, one JSON object a triplet, in the order of the input: index (from 0, without
rows that --skip_invalid leaves out; their reasons are in FILE.left-out.jsonl), label
("align-p" or "align-n"), tokens, token_ids, offsets (code points in the response; the
end token's are empty), logprob, logprob_judged and flagged (null for align-p).
Without it, the responses with their flagged tokens marked.`,
  examples: [
    ['score judged.jsonl --model ./model', 'read what gets flagged'],
    [
      'score judged.jsonl --model ./model --adapter ./run/adapter --out scores.jsonl',
      'after training, as data',
    ],
    ['score judged.jsonl --model ./model --lambda 2 | less', 'only what is flagged for sure'],
  ],
  table: withConfig(scoreEntry.table),
  tellsOnStderr: ({ out }) => toStandardOutput(out),
  required: () => ['data', 'model'],
  together: scoreEntry.together,
};

export async function runScore(
  { values }: Given<ScoreTable>,
  { screen, openEngine }: VerbContext,
): Promise<number> {
  const { model, adapter, lambda, template, templateArgs, cutoffLen, longRows, out, resume, overwrite } =
    values;
  const { skipInvalid } = values;
  const settings = {
    model,
    adapter,
    lambda,
    template,
    templateArgs,
    cutoffLen,
    longRows,
    resume,
    overwrite,
    ...computeOf(values),
  };
  const { readSoundTriplets, writeLeftOut } = await import('../judgments/index.ts');
  const { score } = await import('../evaluation/score.ts');
  const rowsOut = await openRowsOut(out, values.data, screen);
  const beside = reasonsBeside(rowsOut.file);
  if (beside !== null && skipInvalid && !overwrite && !resume) await requireFree(beside);
  const { triplets, leftOut } = await readSoundTriplets(values.data, {
    onRead: readingOn(screen),
    skipInvalid,
  });
  const total = { rows: 0, flagged: 0, tokens: 0 };
  screen.endProgress();
  const code = await runKept({ out: rowsOut.file, noun: 'score' }, screen, async (reporting) => {
    const { note: onNote } = screen;
    const rows = score({ ...settings, triplets, out: rowsOut.file, openEngine, onNote, ...reporting });
    for await (const row of rows) {
      if (out === null) screen.result('score', row, describe(row, triplets[row.index]!, screen.colors));
      else await rowsOut.write(row);
      total.rows += 1;
      total.flagged += row.flagged?.filter(Boolean).length ?? 0;
      total.tokens += row.flagged?.length ?? 0;
    }
  });
  if (code !== 0) return code;
  if (beside !== null && leftOut.length > 0) await writeLeftOut(beside, leftOut);
  const told = await leftOutLines(leftOut, beside);
  if (told.length > 0) screen.aside('left_out', told.join('\n'));
  if (!toStandardOutput(out)) {
    const share =
      total.tokens === 0 ? '' : `; ${total.flagged} of ${plural(total.tokens, 'judged token')} flagged`;
    const fields = { triplets: total.rows, flagged: total.flagged, judged_tokens: total.tokens, out };
    screen.tell('done', fields, `${plural(total.rows, 'triplet')} scored into ${out}${share}`);
  }
  return 0;
}

function describe(row: ScoreRow, triplet: Triplet, colors: Colors): string {
  const flagged = row.flagged?.filter(Boolean).length;
  const share = flagged === undefined ? '' : `  ${flagged} of ${plural(row.tokens.length, 'token')} flagged`;
  const end = row.tokens.at(-1)!;
  const lines = [
    `${colors.bold(`#${row.index} ${row.label}`)}${share}`,
    colors.dim(firstLine(conversationText(triplet))),
    ...(row.label === 'align-n' && triplet.judgment !== null
      ? [colors.dim(`judgment: ${firstLine(triplet.judgment)}`)]
      : []),
    markFlagged(triplet.output, row.offsets, row.flagged, end, colors),
  ];
  return `${lines.join('\n')}\n`;
}

function firstLine(text: string): string {
  const line = text.trim().split('\n')[0] ?? '';
  return line.length > 100 ? `${line.slice(0, 99)}…` : line;
}
