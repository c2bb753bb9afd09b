// What the rooms of a studio share: where its files are, and when it closes. Knows no room.
import type { OpenEngine } from '../engine/engine.ts';
import type { Note } from '../words/note.ts';

export interface Studio {
  /** Folder whose folders are runs. */
  readonly runs: string;
  /** Model folder to talk to; null: none was named. */
  readonly model: string | null;
  /** PEFT adapter that the conversation begins with; null: the model as it is. */
  readonly adapter: string | null;
  /** Prompt layout; null: the model's own. */
  readonly template: string | null;
  /** File of messages that an empty conversation offers; null: none. */
  readonly prompts: string | null;
  readonly threads: number | null;
  /** Aborted when the studio closes. */
  readonly signal: AbortSignal;
  /** In place of the engine on ONNX Runtime. */
  readonly openEngine?: OpenEngine | undefined;
  readonly onNote: (note: Note) => void;
}
