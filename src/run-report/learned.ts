// What was measured, in the words of a report: changes of probabilities, words that were flagged, tokens of some responses.
import type { AnswerPair, Change, FlaggedWords, ReportData, TokenHeatMap } from '../report/index.ts';
import { labelOf } from '../judgments/index.ts';
import type { Triplet } from '../judgments/index.ts';
import { conversationText } from '../rows/conversation.ts';
import { mean } from '../statistics/spread.ts';
import { plural } from '../words/numbers.ts';
import type { Measured, Reply, Scored } from './measure.ts';
import { shownTokens } from './measure.ts';

export interface Source {
  /** The rows that examples' positions count in. */
  readonly rows: readonly Triplet[];
  readonly lambda: number;
  /** What the rows are: "rows of held-out.jsonl that were not trained on". */
  readonly rowsAre: string;
  readonly promptsAre: string;
}

const shownResponses = 9;
const shownWords = 16;

export function learned(measured: Measured, source: Source): Partial<ReportData> {
  const { scored, replies } = measured;
  const wrong = scored.filter(({ before }) => before.flagged !== null);
  const changes = changesOf(scored);
  const words = flaggedWords(wrong, source);
  return {
    ...(changes.length > 0 && {
      headline: {
        changes: {
          of: changes,
          note:
            `Mean probability of tokens after the plain prompt, before and after training, measured on ${plural(scored.length, 'response')} ` +
            `of ${source.rowsAre}. What judgments are about are the flagged tokens: for the model before, reading the judgment makes them more than ${source.lambda} times as likely.`,
        },
      },
    }),
    ...(words && { flaggedWords: words }),
    heatMaps: mostFlagged(wrong).map((each) => heatMap(each, source)),
    ...(replies.length > 0 && {
      answers: replies.map(({ prompt, before, after }): AnswerPair => ({
        instruction: conversationText(prompt),
        before: { text: shown(before), satisfactory: null },
        after: { text: shown(after), satisfactory: null },
      })),
      answersNote: `Greedy responses of at most ${shownTokens} tokens to ${source.promptsAre}. Nobody has judged them.`,
    }),
  };
}

const shown = ({ text, finished }: Reply): string => (finished ? text : `${text} …`);

/** Mean probabilities of flagged tokens, of the others beside them, and of satisfactory responses. */
function changesOf(scored: readonly Scored[]): Change[] {
  const parts: { label: string; of: string; takes: (row: Scored, token: number) => boolean }[] = [
    {
      label: 'What judgments are about',
      of: 'token',
      takes: ({ before }, i) => before.flagged?.[i] === true,
    },
    {
      label: 'The rest of these responses',
      of: 'token',
      takes: ({ before }, i) => before.flagged?.[i] === false,
    },
    {
      label: 'Satisfactory responses',
      of: 'token',
      takes: ({ before }) => before.flagged === null,
    },
  ];
  return parts.flatMap(({ label, of, takes }) => {
    const pairs = scored.flatMap((row) =>
      row.before.logprob.flatMap((logProb, i) =>
        takes(row, i) ? [[Math.exp(logProb), Math.exp(row.after[i]!)] as const] : [],
      ),
    );
    if (pairs.length === 0) return [];
    return [
      {
        label,
        before: mean(pairs.map(([before]) => before)),
        after: mean(pairs.map(([, after]) => after)),
        note: plural(pairs.length, of),
      },
    ];
  });
}

/** Rows with most of their tokens flagged come last: where everything is flagged nothing is found. */
function mostFlagged(rows: readonly Scored[]): Scored[] {
  const flagged = ({ before }: Scored): number => before.flagged!.filter(Boolean).length;
  const some = rows.filter((row) => flagged(row) > 0);
  const none = rows.filter((row) => flagged(row) === 0);
  return [...some, ...none].slice(0, shownResponses);
}

function heatMap({ example, before }: Scored, { rows, lambda }: Source): TokenHeatMap {
  const row = rows[example.index]!;
  const { judgment, output } = row;
  return {
    instruction: conversationText(row),
    judgment,
    response: output,
    lambda,
    tokens: before.tokens.map((text, i) => ({
      text,
      start: before.offsets[i]![0],
      end: before.offsets[i]![1],
      plain: before.logprob[i]!,
      judged: before.logprob_judged![i]!,
      flagged: before.flagged![i]!,
    })),
  };
}

const endOfResponse = 'end of the response';

/** Whole words, each counted once for a place in a response where some of its tokens are flagged. */
function flaggedWords(wrong: readonly Scored[], { rows, rowsAre }: Source): FlaggedWords | null {
  const counts = new Map<string, number>();
  for (const { example, before } of wrong) {
    const points = Array.from(rows[example.index]!.output);
    const places = new Set<string>();
    before.flagged!.forEach((flagged, i) => {
      if (flagged) places.add(wordAt(points, before.offsets[i]!).join(' '));
    });
    for (const place of places) {
      const [start, end] = place.split(' ').map(Number) as [number, number];
      const word = start === end ? endOfResponse : points.slice(start, end).join('');
      if (word.trim() !== '') counts.set(word, (counts.get(word) ?? 0) + 1);
    }
  }
  const words = [...counts].map(([text, count]) => ({ text, count })).sort((a, b) => b.count - a.count);
  if (words.length === 0) return null;
  const left = words.length - shownWords;
  return {
    words: words.slice(0, shownWords),
    note:
      `Words with a flagged token, and how often: in ${plural(wrong.length, 'unsatisfactory response')} of ${rowsAre}` +
      `${left > 0 ? `; ${plural(left, 'word')} more` : ''}.`,
  };
}

/** The word that a token's characters are part of, as code points [start, end); without letters or digits the characters alone. */
function wordAt(points: readonly string[], [from, to]: readonly [number, number]): [number, number] {
  const isPart = (at: number): boolean => /[\p{L}\p{N}\p{M}]/u.test(points[at] ?? '');
  let [start, end] = [from, to];
  while (start < end && /\s/u.test(points[start]!)) start++;
  while (end > start && /\s/u.test(points[end - 1]!)) end--;
  if (start < end && isPart(start)) while (start > 0 && isPart(start - 1)) start--;
  if (start < end && isPart(end - 1)) while (end < points.length && isPart(end)) end++;
  return [start, end];
}

/** How many of the rows are unsatisfactory, for choosing what is measured. */
export const isWrong = (triplet: Triplet): boolean => labelOf(triplet) === 'align-n';
