// A model that can be asked. Knows nothing of how it is asked.
import type { Engine } from '../engine/engine.ts';
import type { PromptTemplate } from '../tokens/prompt.ts';
import type { Tokenizer } from '../tokens/tokenizer.ts';

/** The engine that holds a model, with the model's own tokenizer and prompt template. */
export interface Speaker {
  readonly engine: Pick<Engine, 'generate'>;
  readonly tokenizer: Tokenizer;
  readonly template: PromptTemplate;
}
