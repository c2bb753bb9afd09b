// A run's model before and after, on a few judged rows and a few instructions: what its words' probabilities became, which
// words its judgments are about, what it responds. Bounded in number, length and time. Draws nothing.
import { scoreExamples } from '../evaluation/score.ts';
import type { ScoreRow } from '../evaluation/score.ts';
import type { OpenEngine } from '../engine/engine.ts';
import type { ComputeSettings } from '../engine/open-weights.ts';
import { generateText, withModel } from '../generation/index.ts';
import type { OpenedModel, Voice } from '../generation/index.ts';
import type { Example } from '../judgments/index.ts';
import { encodePrompt } from '../tokens/index.ts';
import type { PromptText } from '../rows/conversation.ts';

export interface MeasureSettings {
  readonly model: string;
  readonly voice: Voice;
  /** The adapter that the run began with, and the one that it made. */
  readonly before: string | null;
  readonly after: string;
  readonly examples: readonly Example[];
  readonly prompts: readonly PromptText[];
  readonly lambda: number;
  readonly compute: ComputeSettings;
  /** For all of it but opening the model, which takes what it takes. */
  readonly seconds: number;
  readonly signal?: AbortSignal | undefined;
  readonly onProgress?: ((done: number, total: number) => void) | undefined;
  readonly openEngine?: OpenEngine | undefined;
}

/** One row with its example: scored before, where the judgment's words are looked for, and after. */
export interface Scored {
  readonly example: Example;
  readonly before: ScoreRow;
  /** Log-probs after training of the same tokens after the plain prompt, nats. */
  readonly after: readonly number[];
}

export interface Reply {
  readonly text: string;
  /** Whether it ended by itself. */
  readonly finished: boolean;
}

export interface Measured {
  readonly scored: readonly Scored[];
  /** In the prompts' order, those that there was time for. */
  readonly replies: readonly { readonly prompt: PromptText; readonly before: Reply; readonly after: Reply }[];
  /** Whether the time was over before everything was done. */
  readonly cut: boolean;
}

/** Most tokens of a response that the report shows. */
export const shownTokens = 96;

/** Throws what opening the model throws, and the signal's reason. */
export async function measure(settings: MeasureSettings): Promise<Measured> {
  const { examples, prompts, signal, onProgress } = settings;
  const total = 2 * (examples.length + prompts.length);
  let done = 0;
  const count = (): void => onProgress?.(++done, total);
  onProgress?.(0, total);
  const quarter = settings.seconds / 4;
  const ask = <T>(adapter: string | null, use: (model: OpenedModel) => Promise<T>): Promise<T> => {
    signal?.throwIfAborted();
    const { model, voice, compute, openEngine } = settings;
    return withModel({ model, adapter, ...compute, openEngine, voice }, use);
  };
  const first = await ask(settings.before, async (model) => ({
    rows: await timed(
      quarter,
      signal,
      examples,
      (example) => scoreOne(model, example, settings.lambda),
      count,
    ),
    replies: await replyAll(model, prompts, quarter, signal, count),
  }));
  const second = await ask(settings.after, async (model) => ({
    rows: await timed(
      quarter,
      signal,
      examples.slice(0, first.rows.length),
      (example) => scoreOne(model, plainOnly(example), settings.lambda),
      count,
    ),
    replies: await replyAll(model, prompts.slice(0, first.replies.length), quarter, signal, count),
  }));
  return {
    scored: second.rows.map(({ logprob }, i) => ({
      example: examples[i]!,
      before: first.rows[i]!,
      after: logprob,
    })),
    replies: second.replies.map((after, i) => ({ prompt: prompts[i]!, before: first.replies[i]!, after })),
    cut: second.rows.length < examples.length || second.replies.length < prompts.length,
  };
}

/** The first results, in order, that `seconds` leave time for; one at least. */
async function timed<T, R>(
  seconds: number,
  signal: AbortSignal | undefined,
  items: readonly T[],
  work: (item: T) => Promise<R>,
  count: () => void,
): Promise<R[]> {
  const end = performance.now() + seconds * 1000;
  const results: R[] = [];
  for (const item of items) {
    signal?.throwIfAborted();
    if (results.length > 0 && performance.now() > end) break;
    results.push(await work(item));
    count();
  }
  return results;
}

const scoreOne = async (model: OpenedModel, example: Example, lambda: number): Promise<ScoreRow> =>
  (await scoreExamples(model.engine, model.tokenizer, [example], lambda))[0]!;

/** After training only the plain prompt matters. */
const plainOnly = (example: Example): Example => ({
  ...example,
  sequences: { plain: example.sequences.plain! },
});

/** Greedy responses, generated side by side; when the time is over those that are under way are left out. */
async function replyAll(
  model: OpenedModel,
  prompts: readonly PromptText[],
  seconds: number,
  signal: AbortSignal | undefined,
  count: () => void,
): Promise<Reply[]> {
  if (prompts.length === 0) return [];
  const over = AbortSignal.timeout(Math.max(1, Math.ceil(seconds * 1000)));
  const either = signal ? AbortSignal.any([signal, over]) : over;
  const { tokenizer, template } = model;
  const found = await Promise.all(
    prompts.map(async (prompt): Promise<Reply | null> => {
      const ids = await encodePrompt(tokenizer, template, prompt, null);
      const sampling = { maxNewTokens: shownTokens, temperature: 0 };
      const { text, finish } = await generateText(model, { prompt: ids, sampling, signal: either });
      signal?.throwIfAborted();
      if (finish === 'aborted') return null;
      count();
      return { text, finished: finish !== 'length' };
    }),
  );
  // In order: an "after" belongs to the "before" of the same place.
  const end = found.indexOf(null);
  return found.slice(0, end < 0 ? found.length : end) as Reply[];
}
