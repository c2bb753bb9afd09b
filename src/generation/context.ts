// What a model's configuration says of the sequences that it takes, before any of its weights is opened.
import { readDecoderConfig } from '../models/index.ts';

export interface Context {
  /** Tokens that it has embeddings for. */
  readonly vocabSize: number;
  /** Most tokens of a sequence. */
  readonly maxPositions: number;
  /** The field of config.json, other than max_position_embeddings, that ends them; null for none. */
  readonly positionsEndedBy: string | null;
}

/** Nothing is known of a folder without a configuration of a model that can be run; who opens it says what is wrong. */
export const contextOf = (model: string): Promise<Partial<Context>> =>
  readDecoderConfig(model).then(
    ({ vocabSize, maxPositions, positionsEndedBy }) => ({ vocabSize, maxPositions, positionsEndedBy }),
    () => ({}),
  );
