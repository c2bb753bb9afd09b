// From what a person named to subjects that can be opened. Knows the two kinds.
import type { OpenEngine } from '../../engine/engine.ts';
import { chatKey } from '../../judges/chat/chat-request.ts';
import { defaultJudgeSettings } from '../../judges/settings.ts';
import { localSubject } from './local-subject.ts';
import type { SubjectSpec } from './parse-subject.ts';
import { serverSubject } from './server-subject.ts';
import type { SubjectSource } from './subject.ts';

export interface OpenSubjectSettings {
  readonly template: string;
  /** Longest sequence in tokens; null takes the model's own. */
  readonly maxLength: number | null;
  readonly threads: number | null;
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
}

/** Opens no model. Throws what reading folders throws, and `NO_API_KEY`. */
export function openSubjects(
  specs: readonly SubjectSpec[],
  settings: OpenSubjectSettings,
): Promise<SubjectSource[]> {
  return Promise.all(
    specs.map((spec) => {
      if (spec.kind === 'local') return localSubject({ ...settings, ...spec });
      const { apiKeyEnv, env, timeout, retries } = settings;
      const key = chatKey(spec.spec, { ...defaultJudgeSettings, apiKeyEnv, env });
      return serverSubject({
        ...{ name: spec.name, tokenizer: settings.tokenizer, maxLength: settings.maxLength },
        ...{ prompts: settings.serverPrompts, concurrency: settings.concurrency },
        address: { url: spec.spec.url!.replace(/\/+$/, ''), model: spec.spec.model, key, timeout, retries },
      });
    }),
  );
}
