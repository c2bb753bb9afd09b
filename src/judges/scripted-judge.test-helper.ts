// A judge that says what a test tells it to. Only for tests.
import type { Judge, JudgeRequest } from './judge.ts';

export interface ScriptedJudge extends Judge {
  /** Ids of all requests so far, in the order in which they were asked. */
  readonly asked: readonly string[];
}

/** `verdict` gives a judgment, or says why there is none; what it throws, the call throws. */
export function scriptedJudge(
  verdict: (request: JudgeRequest) => string | null | { readonly unscored: string },
): ScriptedJudge {
  const asked: string[] = [];
  return {
    name: 'script',
    fingerprint: 'script',
    asked,
    judge: async (requests, { onOutcome, signal }) => {
      for (const request of requests) {
        signal?.throwIfAborted();
        asked.push(request.id);
        const said = verdict(request);
        const unscored = typeof said === 'object' && said !== null;
        await onOutcome({ id: request.id, ...(unscored ? said : { judgment: said }) });
      }
    },
    usage: () => ({ calls: asked.length, cached: 0, inputTokens: 0, outputTokens: 0, cost: null }),
    close: () => Promise.resolve(),
  };
}
