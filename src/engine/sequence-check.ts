// What token sequences must be before they reach a graph, whose own errors name no token.
import { WhetstoneError } from '../errors.ts';
import type { DecoderConfig } from '../models/index.ts';
import type { Sequence, TokenExample } from './engine.ts';

/** What a model says of the sequences that it takes. */
export type Limits = Pick<DecoderConfig, 'vocabSize' | 'maxPositions'> &
  Partial<Pick<DecoderConfig, 'positionsEndedBy'>>;

/** Throws `ENGINE_SEQUENCE` for a sequence that the model cannot be run on. */
export function requireUsable({ ids, responseStart }: Sequence, limits: Limits): void {
  if (responseStart < 1 || responseStart > ids.length) {
    throw new WhetstoneError(
      'ENGINE_SEQUENCE',
      `a response cannot start at token ${responseStart} of ${ids.length}`,
    );
  }
  requireFits(ids, ids.length, limits);
}

/** Throws `ENGINE_SEQUENCE` for a continuation that cannot be scored. Its last token is predicted only, never read. */
export function requireContinuation(context: Int32Array, continuation: Int32Array, config: Limits): void {
  if (context.length === 0 || continuation.length === 0) {
    const what = context.length === 0 ? 'a context' : 'a continuation';
    throw new WhetstoneError('ENGINE_SEQUENCE', `${what} without tokens cannot be scored`);
  }
  requireFits(context, context.length + continuation.length - 1, config);
  requireFits(continuation, continuation.length - 1, config);
}

function requireFits(
  ids: Int32Array,
  read: number,
  { vocabSize, maxPositions, positionsEndedBy = null }: Limits,
): void {
  if (read > maxPositions) {
    throw new WhetstoneError(
      'ENGINE_SEQUENCE',
      `a sequence of ${read} tokens is longer than the model's ${maxPositions} positions`,
      {
        ...(positionsEndedBy !== null && { field: positionsEndedBy }),
        hint: 'Lower cutoff_len.',
      },
    );
  }
  const wrong = ids.find((id) => id < 0 || id >= vocabSize);
  if (wrong !== undefined) {
    throw new WhetstoneError(
      'ENGINE_SEQUENCE',
      `token ${wrong} is outside the model's vocabulary of ${vocabSize}`,
      {
        hint: 'The tokenizer and the weights do not belong together.',
      },
    );
  }
}

/** Throws `ENGINE_SEQUENCE` for an example that no step can learn from. */
export function requireTrainable({ sequences, marked }: TokenExample, config: Limits): void {
  for (const sequence of Object.values(sequences)) {
    requireUsable(sequence, config);
    if (sequence.responseStart === sequence.ids.length)
      throw new WhetstoneError('ENGINE_SEQUENCE', 'a response has no tokens');
  }
  const { plain, judged, praised, revising } = sequences;
  const [response, ...others] = [plain, judged, praised, revising]
    .filter((sequence) => sequence !== undefined)
    .map((sequence) => sequence.ids.subarray(sequence.responseStart));
  for (const other of others) {
    if (response!.length !== other.length || response!.some((id, i) => id !== other[i])) {
      throw new WhetstoneError(
        'ENGINE_SEQUENCE',
        'the response after the judgment is not the one after the plain prompt, token by token',
      );
    }
  }
  const tokens = response?.length;
  if (marked !== undefined && marked.length !== tokens) {
    throw new WhetstoneError(
      'ENGINE_SEQUENCE',
      `marks of ${marked.length} tokens for a response of ${tokens ?? 'no'} tokens`,
    );
  }
}
