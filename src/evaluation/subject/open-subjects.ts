// From what a person named to subjects that can be opened. Knows the two kinds.
import type { ComputeSettings } from '../../engine/open-weights.ts';
import type { OpenEngine } from '../../engine/engine.ts';
import { keyFor } from '../../openai/address.ts';
import { localSubject } from './local-subject.ts';
import type { SubjectSpec } from './parse-subject.ts';
import { serverSubject } from './server-subject.ts';
import type { TemplateArgs } from '../../tokens/chat-template.ts';
import type { SubjectSource } from './subject.ts';
import type { Note } from '../../words/note.ts';

export interface OpenSubjectSettings extends ComputeSettings {
  readonly template: string | null;
  readonly templateArgs: TemplateArgs | null;
  /** Longest sequence in tokens; null takes the model's own. */
  readonly maxLength: number | null;
  /** Folder with the tokenizer of a server's model. */
  readonly tokenizer: string | null;
  readonly serverPrompts: 'ids' | 'text';
  readonly concurrency: number;
  readonly timeout: number;
  readonly retries: number;
  /** Environment variable with a server's key, if it is not OPENAI_API_KEY. */
  readonly apiKeyEnv: string | null;
  readonly env: NodeJS.ProcessEnv;
  readonly openEngine?: OpenEngine | undefined;
  onNote?(this: void, note: Note): void;
}

/** Opens no model. Throws what reading folders throws, and `NO_API_KEY`. */
export function openSubjects(
  specs: readonly SubjectSpec[],
  settings: OpenSubjectSettings,
): Promise<SubjectSource[]> {
  const { timeout, retries, tokenizer, maxLength, concurrency, onNote } = settings;
  const ofModels = once(onNote);
  return Promise.all(
    specs.map((spec) => {
      if (spec.kind === 'local') return localSubject({ ...settings, ...spec, onNote: ofModels });
      const { model, url } = spec.served;
      return serverSubject({
        name: spec.name,
        tokenizer,
        maxLength,
        prompts: settings.serverPrompts,
        concurrency,
        address: {
          url: url.replace(/\/+$/, ''),
          model,
          key: keyFor(spec.served, settings),
          timeout,
          retries,
        },
        ...(onNote && { onNote }),
      });
    }),
  );
}

/** Tells each note once: several subjects may have one model. */
function once(onNote: OpenSubjectSettings['onNote']): (note: Note) => void {
  const told = new Set<string>();
  return (note) => {
    if (told.has(note.text)) return;
    told.add(note.text);
    onNote?.(note);
  };
}
