// Opens the judge that a short text names. Knows which kinds there are; each is loaded when it is asked for.
import type { Judge } from './judge.ts';
import { defaultJudgeSettings } from './settings.ts';
import type { JudgeSettings } from './settings.ts';
import { parseJudgeSpec } from './spec.ts';

/**
 * Opens a judge: "openai:MODEL", "URL#MODEL", "cmd:COMMAND LINE", "FILE.ts", "local:RUN" or "person:FILE".
 * Throws WhetstoneError `INVALID_OPTION` for any other text, and what opening the judge throws.
 */
export async function openJudge(spec: string, given: Partial<JudgeSettings> = {}): Promise<Judge> {
  const wanted = parseJudgeSpec(spec);
  const settings: JudgeSettings = { ...defaultJudgeSettings, ...given };
  switch (wanted.kind) {
    case 'chat':
      return (await import('./chat/chat-judge.ts')).openChatJudge(wanted, settings);
    case 'command':
      return (await import('./program/command.ts')).openCommandJudge(wanted.command, settings);
    case 'module':
      return (await import('./program/module.ts')).openModuleJudge(wanted.path, settings);
    case 'local':
      return (await import('./local/local.ts')).openLocalJudge(wanted.run, settings);
    case 'person':
      return (await import('./person/person.ts')).openPersonJudge(wanted.file, settings);
  }
}
