// What token sequences must be before they reach a graph, whose own errors name no token.
import { WhetstoneError } from '../errors.ts';
import type { DecoderConfig } from '../models/index.ts';
import type { Sequence, TokenTriplet } from './engine.ts';

/** Throws `ENGINE_SEQUENCE` for a sequence that the model cannot be run on. */
export function requireUsable(
  { ids, responseStart }: Sequence,
  { vocabSize, maxPositions }: DecoderConfig,
): void {
  if (responseStart < 1 || responseStart > ids.length) {
    throw new WhetstoneError(
      'ENGINE_SEQUENCE',
      `a response cannot start at token ${responseStart} of ${ids.length}`,
    );
  }
  if (ids.length > maxPositions) {
    throw new WhetstoneError(
      'ENGINE_SEQUENCE',
      `a sequence of ${ids.length} tokens is longer than the model's ${maxPositions} positions`,
      {
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

/** Throws `ENGINE_SEQUENCE` for a triplet that no step can learn from. */
export function requireTrainable({ plain, judged }: TokenTriplet, config: DecoderConfig): void {
  for (const sequence of judged ? [plain, judged] : [plain]) requireUsable(sequence, config);
  const [response, judgedResponse] = [plain, judged ?? plain].map((s) => s.ids.subarray(s.responseStart));
  if (response!.length === 0) throw new WhetstoneError('ENGINE_SEQUENCE', 'a response has no tokens');
  if (response!.length !== judgedResponse!.length || response!.some((id, i) => id !== judgedResponse![i])) {
    throw new WhetstoneError(
      'ENGINE_SEQUENCE',
      'the response after the judgment is not the one after the plain prompt, token by token',
    );
  }
}
