// What the rooms of a studio share: where its files are, and when it closes. Knows no room.
import type { OpenEngine } from '../engine/engine.ts';
import type { Queue } from '../judges/person/queue.ts';
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
  /** Whether this machine alone reaches the page, so that whoever sees it may open any file; left out: no. */
  readonly local?: boolean;
  /** File of responses to judge; left out and null: one is picked in the page. */
  readonly judge?: string | null;
  /** What a command waits for people to judge; left out and null: none does. */
  readonly asked?: AskedQueue | null;
  /** Aborted when the studio closes. */
  readonly signal: AbortSignal;
  /** In place of the engine on ONNX Runtime. */
  readonly openEngine?: OpenEngine | undefined;
  readonly onNote: (note: Note) => void;
}

/** A queue that others may take the place of; null while there is nothing to judge. */
export interface AskedQueue {
  now(): Queue | null;
  /** Hears of the next ones until the returned function is called. */
  on(listener: (queue: Queue | null) => void): () => void;
}
