// Token log-probs of judged responses as rows, with the tokens that their judgments are about; kept in a file if one is
// named and gone on with after a stop. Knows triplets and an engine, nothing of how rows are shown.
import type { TemplateArgs } from '../tokens/chat-template.ts';
import { rowsInOrder } from '../durable/rows.ts';
import type { Engine, OpenEngine } from '../engine/engine.ts';
import { WhetstoneError } from '../errors.ts';
import { loadVoice, openModel } from '../generation/index.ts';
import { buildExamples, canonicalRow, readTriplets } from '../judgments/index.ts';
import type { Example, Triplet } from '../judgments/index.ts';
import { folderDigests, textDigest } from '../runs/digests.ts';
import type { Tokenizer } from '../tokens/index.ts';
import { flaggedTokens } from './detection.ts';
import { pendingGroups } from './groups.ts';

/** Exactly one of `data` and `triplets` says what is scored. */
export interface ScoreOptions {
  /** Hugging Face model folder. */
  readonly model: string;
  /** PEFT adapter folder. */
  readonly adapter?: string | null;
  /** File of judged triplets. */
  readonly data?: string | null;
  readonly triplets?: readonly Triplet[] | null;
  /** A token is flagged where its judged probability is more than lambda times the plain one; default 1.2. */
  readonly lambda?: number;
  /** alpaca, chat or a template file; default alpaca. */
  readonly template?: string;
  /** Values for the variables of a chat template. */
  readonly templateArgs?: TemplateArgs | null;
  /** Most tokens of prompt and response; default 2048. */
  readonly cutoffLen?: number;
  readonly threads?: number | null;
  /** File of the rows as JSON lines, there once all are made. */
  readonly out?: string | null;
  /** Go on with the rows that a stopped call left beside `out`. */
  readonly resume?: boolean;
  /** Replace what is at `out`. */
  readonly overwrite?: boolean;
  /** Stops: rows that are there are kept, and iterating throws `STOPPED`. */
  readonly signal?: AbortSignal;
  readonly onProgress?: (done: number, total: number) => void;
  /** In place of the engine on ONNX Runtime. */
  readonly openEngine?: OpenEngine | null;
}

export interface ScoreRow {
  /** Position of the triplet in the input, from 0. */
  readonly index: number;
  readonly label: 'align-p' | 'align-n';
  /** As the tokenizer's vocabulary spells them. */
  readonly tokens: string[];
  readonly token_ids: number[];
  /** Code points of the response, [start, end); the end token's are empty. */
  readonly offsets: (readonly [number, number])[];
  /** Nats, after the plain prompt. */
  readonly logprob: number[];
  /** Nats, after the prompt that shows the judgment; null for satisfactory responses. */
  readonly logprob_judged: number[] | null;
  readonly flagged: boolean[] | null;
}

/** Examples that the engine scores together. */
const atOnce = 8;

/**
 * Scores the responses of judged triplets: one row each, in their order.
 *
 *     for await (const { tokens, flagged } of score({ model: 'model/', data: 'judged.jsonl' })) ...
 *
 * Throws WhetstoneError `INVALID_OPTIONS`, `OUT_EXISTS`, `RESUME_MISMATCH`, `STOPPED`, and what reading the model and the
 * triplets throws.
 */
export async function* score(options: ScoreOptions): AsyncGenerator<ScoreRow, void, undefined> {
  const { model, adapter = null, threads = null, openEngine, lambda = 1.2, cutoffLen = 2048 } = options;
  const { template = 'alpaca' } = options;
  const voice = await loadVoice({ model, template, args: options.templateArgs ?? {} });
  const triplets = await tripletsOf(options);
  const { examples } = await buildExamples(triplets, { ...voice, cutoffLength: cutoffLen });
  const facts = async (): Promise<Record<string, unknown>> => ({
    data: textDigest(triplets.map((triplet) => JSON.stringify(canonicalRow(triplet)))),
    model: await folderDigests(model),
    adapter: adapter === null ? null : await folderDigests(adapter),
    template: textDigest(
      examples.map(({ sequences }) =>
        Object.values(sequences)
          .map(({ ids }) => ids.join(' '))
          .join('\n'),
      ),
    ),
    lambda,
  });
  yield* rowsInOrder<ScoreRow>({
    what: 'scores',
    total: examples.length,
    facts: options.out == null ? {} : await facts(),
    out: options.out,
    resume: options.resume ?? false,
    overwrite: options.overwrite ?? false,
    signal: options.signal,
    onProgress: options.onProgress,
    work: async (pending, hand, signal) => {
      const { engine, tokenizer } = await openModel({ model, adapter, threads, openEngine, voice });
      try {
        for (const { positions, isPending } of pendingGroups(examples.length, atOnce, pending)) {
          signal.throwIfAborted();
          const group = positions.map((position) => examples[position]!);
          const rows = await scoreExamples(engine, tokenizer, group, lambda);
          for (const [i, position] of positions.entries()) if (isPending(position)) await hand(rows[i]!);
        }
      } finally {
        await engine.dispose();
      }
    },
  });
}

async function tripletsOf({ data, triplets }: ScoreOptions): Promise<readonly Triplet[]> {
  if ((data == null) === (triplets == null))
    throw new WhetstoneError('INVALID_OPTIONS', 'expected exactly one of data and triplets');
  return triplets ?? (await readTriplets(data!)).triplets;
}

/** One row an example, in order. */
export async function scoreExamples(
  engine: Pick<Engine, 'score'>,
  tokenizer: Pick<Tokenizer, 'idToToken'>,
  examples: readonly Example[],
  lambda: number,
): Promise<ScoreRow[]> {
  const scores = await engine.score(
    examples.flatMap(({ sequences: { plain, judged } }) => (judged ? [plain!, judged] : [plain!])),
  );
  let next = 0;
  return examples.map(({ index, label, offsets, sequences }) => {
    const plain = scores[next++]!;
    const judged = sequences.judged ? scores[next++]! : null;
    const ids = Array.from(sequences.plain!.ids.subarray(sequences.plain!.responseStart));
    return {
      index,
      label,
      tokens: ids.map((id) => tokenizer.idToToken(id) ?? ''),
      token_ids: ids,
      offsets: offsets.map(([from, to]) => [from, to] as const),
      logprob: Array.from(plain, shortest),
      logprob_judged: judged && Array.from(judged, shortest),
      flagged: judged && flaggedTokens(plain, judged, lambda),
    };
  });
}

/** The fewest digits that still name the same float32. */
const shortest = (value: number): number => Number(value.toPrecision(9));
