// A model that can be asked, and the part of it that is only text. Knows nothing of how it is asked.
import type { Engine } from '../engine/engine.ts';
import type { PromptTemplate } from '../tokens/prompt.ts';
import type { Tokenizer } from '../tokens/tokenizer.ts';

/** What turns texts into a model's tokens and back: its own tokenizer, and how prompts are put to it. */
export interface Voice {
  readonly tokenizer: Tokenizer;
  readonly template: PromptTemplate;
}

/** The engine that holds a model, with the model's voice. */
export interface Speaker extends Voice {
  readonly engine: Pick<Engine, 'generate'>;
}
