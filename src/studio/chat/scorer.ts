// Scores answers with and without a judgment, one after another: who no longer waits is passed over, and what a model
// makes of an answer without a judgment is computed once. Knows a model and texts, no HTTP.
import type { VersionModel } from '../../learning/index.ts';
import type { PromptFields } from '../../rows/conversation.ts';
import { encodeTriplet } from '../../tokens/index.ts';
import type { AnswerScores } from '../api/chat.ts';

export interface Scorer {
  /** Log-probs of the answer's tokens. Throws the signal's reason, and what encoding and the engine throw. */
  score(model: VersionModel, judged: Judged, signal: AbortSignal): Promise<AnswerScores>;
  /** Computes what is needed without a judgment, so that the first judgment's colours come sooner. */
  prepare(model: VersionModel, answer: Omit<Judged, 'judgment'>): void;
}

export interface Judged extends PromptFields {
  readonly output: string;
  readonly judgment: string;
}

/** Answers whose log-probs without a judgment are remembered. */
const remembered = 64;

export function openScorer(): Scorer {
  const plainOf = new Map<string, Float32Array>();
  let turn: Promise<unknown> = Promise.resolve();
  const inTurn = <T>(work: () => Promise<T>): Promise<T> => {
    const mine = turn.then(work);
    turn = mine.catch(() => undefined);
    return mine;
  };
  const plainScores = async (
    { engine, fingerprint }: VersionModel,
    sequence: Parameters<VersionModel['engine']['score']>[0][number],
  ): Promise<Float32Array> => {
    const key = `${fingerprint} ${sequence.responseStart} ${sequence.ids.join()}`;
    const known = plainOf.get(key);
    if (known !== undefined) return known;
    const [scores] = await engine.score([sequence]);
    plainOf.set(key, scores!);
    if (plainOf.size > remembered) plainOf.delete(plainOf.keys().next().value!);
    return scores!;
  };
  const holding = async <T>(model: VersionModel, work: () => Promise<T>): Promise<T> => {
    const release = model.hold();
    try {
      return await work();
    } finally {
      release();
    }
  };
  return {
    score: (model, row, signal) =>
      holding(model, () =>
        inTurn(async () => {
          signal.throwIfAborted();
          const { plain, judged, offsets } = await encodeTriplet(model.tokenizer, model.template, row);
          const before = await plainScores(model, plain);
          signal.throwIfAborted();
          const [after] = await model.engine.score([judged!]);
          return { tokens: offsets, plain: Array.from(before), judged: Array.from(after!) };
        }),
      ),
    prepare: (model, answer) => {
      const row = { ...answer, judgment: null };
      holding(model, () =>
        inTurn(async () => {
          await plainScores(model, (await encodeTriplet(model.tokenizer, model.template, row)).plain);
        }),
      ).catch(() => undefined); // Who asks for colours is told.
    },
  };
}
