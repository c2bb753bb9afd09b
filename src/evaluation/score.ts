// Token log-probs of judged responses as rows, with the tokens that their judgments are about; kept in a file if one is
// named and gone on with after a stop. Knows triplets and an engine, nothing of how rows are shown.
import { computeOf } from '../engine/open-weights.ts';
import { rowsInOrder } from '../durable/rows.ts';
import type { Engine, OpenEngine } from '../engine/engine.ts';
import { longestWork, requireMemory } from '../engine/require-memory.ts';
import { contextOf, loadVoice, openModel, templateNote } from '../generation/index.ts';
import type { Voice } from '../generation/index.ts';
import {
  buildExamples,
  canonicalRow,
  isSound,
  readSoundTriplets,
  requireSound,
  rowsIn,
  withSource,
} from '../judgments/index.ts';
import type { Example, GivenTriplet, LeftOut, Triplet } from '../judgments/index.ts';
import { jsonText } from '../rows/json.ts';
import { folderDigests, textDigest } from '../runs/digests.ts';
import { rows } from '../options/tables/files.ts';
import { readTemplateRecord } from '../tokens/index.ts';
import type { Tokenizer } from '../tokens/index.ts';
import { note } from '../words/note.ts';
import type { Note } from '../words/note.ts';
import { plural } from '../words/numbers.ts';
import { flaggedTokens } from './detection.ts';
import { pendingGroups } from './groups.ts';
import { resolveScore } from './score-settings.ts';
import type { GivenScore, ScoreSettings } from './score-settings.ts';

/** Exactly one of `data` and `triplets` says what is scored; the rest is as `whetstone score` has it. */
export interface ScoreOptions extends GivenScore {
  readonly triplets?: readonly GivenTriplet[] | undefined;
  /** Stops: rows that are there are kept, and iterating throws `STOPPED`. */
  readonly signal?: AbortSignal | undefined;
  readonly onProgress?: ((done: number, total: number) => void) | undefined;
  /** Hears what a person should know of the model and of how it is asked. */
  readonly onNote?: ((note: Note) => void) | undefined;
  /** In place of the engine on ONNX Runtime. */
  readonly openEngine?: OpenEngine | undefined;
}

export interface ScoreRow {
  /** Position of the triplet in the input, from 0, without those that `skipInvalid` leaves out. */
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
  const settings = resolveScore(options);
  const { model, adapter, lambda, cutoffLen, longRows, data, skipInvalid, ...job } = settings;
  const voice = await scoringVoice(settings);
  const asked = await templateNote(voice, adapter);
  if (asked) options.onNote?.(asked);
  const triplets =
    data === undefined
      ? sound(options.triplets!.map(withSource), skipInvalid)
      : (await readSoundTriplets(data, { skipInvalid })).triplets;
  const { maxPositions, positionsEndedBy } = await contextOf(model);
  const { examples, long } = await buildExamples(triplets, {
    ...voice,
    cutoffLength: cutoffLen,
    maxPositions,
    positionsEndedBy,
    longRows,
  });
  if (long.length > 0) options.onNote?.(longRowsNote(long));
  const facts = async (): Promise<Record<string, unknown>> => ({
    data: textDigest(triplets.map((triplet) => jsonText(canonicalRow(triplet)))),
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
    facts: job.out === null ? {} : await facts(),
    ...job,
    signal: options.signal,
    onProgress: options.onProgress,
    work: async (pending, hand, signal) => {
      const { engine, tokenizer } = await openModel({
        model,
        adapter,
        ...computeOf(settings),
        onNote: options.onNote,
        openEngine: options.openEngine,
        voice,
      });
      try {
        const sequences = examples.flatMap((example) => Object.values(example.sequences));
        await requireMemory(engine, longestWork('score', sequences), {
          what: 'scoring',
          advises: ['baseDtype', 'cutoffLen'],
        });
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

function sound(triplets: readonly Triplet[], skipInvalid: boolean): readonly Triplet[] {
  if (skipInvalid) return triplets.filter(isSound);
  requireSound(triplets);
  return triplets;
}

/** As the adapter was trained, or told otherwise; a model without one as `align` would train it. */
async function scoringVoice({ model, adapter, template, templateArgs }: ScoreSettings): Promise<Voice> {
  const trained = adapter === null ? null : await readTemplateRecord(adapter);
  const spec = template ?? (trained === null ? rows.template.default : null);
  return loadVoice({ model, template: spec, args: templateArgs ?? {}, adapter });
}

function longRowsNote(long: readonly LeftOut[]): Note {
  const rows = long.slice(0, 5).map(({ row }) => row);
  const more = long.length > rows.length ? ', …' : '';
  return note(
    'LONG_ROWS',
    `${plural(rowsIn(long), 'row')} left out as too long (rows ${rows.join(', ')}${more}).`,
  );
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
