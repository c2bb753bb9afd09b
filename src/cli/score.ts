// whetstone score: token log-probs of every response, and which tokens its judgment is about.
import type { Engine } from '../engine/engine.ts';
import type { OpenEngine } from '../engine/engine.ts';
import { flaggedTokens } from '../evaluation/detection.ts';
import type { Example, Triplet } from '../judgments/index.ts';
import type { Tokenizer } from '../tokens/index.ts';
import { withConfig } from './flags.ts';
import type { Given, Verb, WithConfig } from './flags.ts';
import { writeJsonl } from './jsonl.ts';
import { markFlagged } from './marks.ts';
import { scoreTable } from '../options/verbs.ts';
import type { Output } from './terminal.ts';
import { colorsFor, plural, printable } from './terminal.ts';

type ScoreTable = WithConfig<typeof scoreTable>;

export const scoreVerb: Verb<ScoreTable> = {
  name: 'score',
  summary: 'Show which tokens of each response its judgment is about',
  about: `For every response token: its log-prob (nats) after the plain prompt and, for an
unsatisfactory response, after the prompt that shows the judgment. A token is flagged
when its judged probability is more than lambda times the plain one.

With --out, one JSON object a triplet, in the order of the input: index, label
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
  table: withConfig(scoreTable),
  required: () => ['data', 'model'],
  together: () => [],
};

export interface ScoreRow {
  /** Position of the triplet in the input, from 0. */
  readonly index: number;
  readonly label: 'align-p' | 'align-n';
  /** As the tokenizer's vocabulary spells them. */
  readonly tokens: string[];
  readonly token_ids: number[];
  /** Code points of the response, [start, end). */
  readonly offsets: (readonly [number, number])[];
  readonly logprob: number[];
  readonly logprob_judged: number[] | null;
  readonly flagged: boolean[] | null;
}

const atOnce = 8;

export async function runScore(
  { values }: Given<ScoreTable>,
  context: { stdout: Output; openEngine?: OpenEngine },
): Promise<number> {
  const { data, model, adapter, lambda, out, cutoffLen, threads } = values;
  const { buildExamples, readTriplets } = await import('../judgments/index.ts');
  const { loadVoice, openModel } = await import('../generation/index.ts');
  const voice = await loadVoice({ model, template: values.template });
  const { triplets } = await readTriplets(data);
  const { examples } = await buildExamples(triplets, { ...voice, cutoffLength: cutoffLen });
  const { openEngine } = context;
  const { engine, tokenizer } = await openModel({ model, adapter, threads, openEngine, voice });
  try {
    const rows = scoreRows(engine, tokenizer, examples, lambda);
    if (out === null) {
      for await (const row of rows)
        context.stdout.write(describe(row, triplets[row.index]!, tokenizer, context.stdout));
      return 0;
    }
    const total = { rows: 0, flagged: 0, tokens: 0 };
    await writeJsonl(out, data, context.stdout, async (append) => {
      for await (const row of rows) {
        await append(row);
        total.rows += 1;
        total.flagged += row.flagged?.filter(Boolean).length ?? 0;
        total.tokens += row.flagged?.length ?? 0;
      }
    });
    if (out !== '-') {
      const share =
        total.tokens === 0 ? '' : `; ${total.flagged} of ${plural(total.tokens, 'judged token')} flagged`;
      context.stdout.write(`${plural(total.rows, 'triplet')} scored into ${out}${share}\n`);
    }
    return 0;
  } finally {
    await engine.dispose();
  }
}

/** One row an example, in order. */
export async function* scoreRows(
  engine: Pick<Engine, 'score'>,
  tokenizer: Pick<Tokenizer, 'idToToken'>,
  examples: readonly Example[],
  lambda: number,
): AsyncGenerator<ScoreRow, void, undefined> {
  for (let start = 0; start < examples.length; start += atOnce) {
    const some = examples.slice(start, start + atOnce);
    const scores = await engine.score(
      some.flatMap(({ sequences: { plain, judged } }) => (judged ? [plain!, judged] : [plain!])),
    );
    let next = 0;
    for (const example of some) {
      const { plain: sequence, judged: other } = example.sequences;
      const plain = scores[next++]!;
      const judged = other ? scores[next++]! : null;
      const ids = Array.from(sequence!.ids.subarray(sequence!.responseStart));
      yield {
        index: example.index,
        label: example.label,
        tokens: ids.map((id) => tokenizer.idToToken(id) ?? ''),
        token_ids: ids,
        offsets: example.offsets.map(([from, to]) => [from, to] as const),
        logprob: Array.from(plain, shortest),
        logprob_judged: judged && Array.from(judged, shortest),
        flagged: judged && flaggedTokens(plain, judged, lambda),
      };
    }
  }
}

/** The fewest digits that still name the same float32. */
export const shortest = (value: number): number => Number(value.toPrecision(9));

function describe(row: ScoreRow, triplet: Triplet, tokenizer: Tokenizer, stdout: Output): string {
  const colors = colorsFor(stdout);
  const flagged = row.flagged?.filter(Boolean).length;
  const share = flagged === undefined ? '' : `  ${flagged} of ${plural(row.tokens.length, 'token')} flagged`;
  const end = tokenizer.specialTokens['eos_token'] ?? '</s>';
  const lines = [
    `${colors.bold(`#${row.index} ${row.label}`)}${share}`,
    colors.dim(firstLine(triplet.instruction)),
    ...(row.label === 'align-n' && triplet.judgment !== null
      ? [colors.dim(`judgment: ${firstLine(triplet.judgment)}`)]
      : []),
    markFlagged(triplet.output, row.offsets, row.flagged, end, colors),
  ];
  return `${lines.join('\n')}\n\n`;
}

function firstLine(text: string): string {
  const line = printable(text.trim().split('\n')[0] ?? '');
  return line.length > 100 ? `${line.slice(0, 99)}…` : line;
}
