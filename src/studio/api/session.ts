// What the page is told about the studio itself. Types only: both sides have them.

/** GET /api/session */
export interface Session {
  readonly version: string;
  /** Whether only browsers on this machine reach the studio. */
  readonly local: boolean;
  /** Name of the model that is talked to; null: none was named. */
  readonly model: string | null;
  /** Folder whose folders are runs. */
  readonly runs: string;
}

/** What every refusal is: `message` says what happened and what to do. */
export interface Refusal {
  readonly error: { readonly message: string; readonly code: string | null };
}
