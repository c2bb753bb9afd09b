// What a shell's completion knows of a verb. Types only.

/** What may stand for a flag's value, or for an argument. */
export type Value =
  | { readonly kind: 'none' }
  | { readonly kind: 'words'; readonly words: readonly string[] }
  | { readonly kind: 'file' | 'folder' }
  | { readonly kind: 'text'; readonly placeholder: string };

export interface CompletedVerb {
  readonly name: string;
  readonly summary: string;
  /** Of a verb that only groups others. */
  readonly verbs: readonly CompletedVerb[];
  readonly flags: readonly { readonly name: string; readonly help: string; readonly value: Value }[];
  readonly positionals: readonly Value[];
}
