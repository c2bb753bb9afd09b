// Opens a judge against a scripted server, asks it, and gives back all that came of it.
import { openChatJudge } from '../../src/judges/chat/chat-judge.ts';
import type { Note } from '../../src/words/note.ts';
import type { Clock } from '../../src/openai/clock.ts';
import { systemClock } from '../../src/openai/clock.ts';
import type { JudgeRequest, JudgeUsage, Outcome } from '../../src/judges/judge.ts';
import { defaultJudgeSettings } from '../../src/judges/settings.ts';
import type { JudgeSettings } from '../../src/judges/settings.ts';

export interface Asked {
  readonly outcomes: Readonly<Record<string, Outcome>>;
  /** What the call threw, as its code and message. */
  readonly error: { readonly code: string; readonly message: string } | null;
  readonly usage: JudgeUsage;
  readonly notes: readonly string[];
}

/** Time that passes a thousand times as fast; what was waited for is in `sleeps`. */
export function hurriedClock(): Clock & { readonly sleeps: number[] } {
  const sleeps: number[] = [];
  const start = systemClock.now();
  return {
    sleeps,
    now: () => start + (systemClock.now() - start) * 1000,
    sleep: (milliseconds, signal) => {
      sleeps.push(milliseconds);
      return systemClock.sleep(milliseconds / 1000, signal);
    },
  };
}

export const row = (id: string, output = `Response ${id}.`): JudgeRequest => ({
  id,
  instruction: `Instruction ${id}?`,
  output,
});

export const rows = (count: number): JudgeRequest[] => Array.from({ length: count }, (_, i) => row(`r${i}`));

export interface AskOptions extends Partial<JudgeSettings> {
  readonly clock?: Clock;
  readonly signal?: AbortSignal;
  readonly occasion?: string;
  readonly onOutcome?: (outcome: Outcome) => Promise<void>;
}

export async function ask(
  url: string,
  requests: readonly JudgeRequest[],
  { clock = hurriedClock(), signal, occasion, onOutcome, ...given }: AskOptions = {},
): Promise<Asked> {
  const notes: string[] = [];
  const settings = {
    ...defaultJudgeSettings,
    env: {},
    onNote: ({ text }: Note) => void notes.push(text),
    ...given,
  };
  const judge = await openChatJudge({ model: 'm', url }, settings, clock);
  const outcomes: Record<string, Outcome> = {};
  let error: Asked['error'] = null;
  try {
    await judge.judge(requests, {
      onOutcome: async (outcome) => {
        if (outcome.id in outcomes) throw new Error(`two outcomes for ${outcome.id}`);
        outcomes[outcome.id] = outcome;
        await onOutcome?.(outcome);
      },
      ...(signal && { signal }),
      ...(occasion !== undefined && { occasion }),
    });
  } catch (thrown) {
    error = { code: (thrown as { code: string }).code, message: (thrown as Error).message };
  } finally {
    await judge.close();
  }
  return { outcomes, error, usage: judge.usage(), notes };
}
