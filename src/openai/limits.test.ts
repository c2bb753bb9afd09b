import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { fakeClock } from './clock.test-helper.ts';
import { createLimits } from './limits.ts';
import type { LimitSettings } from './limits.ts';

const unlimited: LimitSettings = { concurrency: 1000, requestsPerMinute: null, tokensPerMinute: null };

interface Run {
  readonly at: number;
  readonly tokens: number;
}

/** Requests that take `lasts` each; when each began, and how many were under way at once at most. */
async function simulate(
  settings: LimitSettings,
  requests: readonly { estimate: number; used?: number; lasts: number }[],
): Promise<{ runs: Run[]; most: number }> {
  const clock = fakeClock(0);
  const limits = createLimits(settings, clock);
  const runs: Run[] = [];
  let active = 0;
  let most = 0;
  await Promise.all(
    requests.map(async ({ estimate, used, lasts }) => {
      const place = await limits.enter(estimate);
      runs.push({ at: clock.now(), tokens: Math.max(estimate, used ?? 0) });
      most = Math.max(most, ++active);
      await clock.sleep(lasts);
      active--;
      place.leave(used ?? null);
    }),
  );
  return { runs, most };
}

const inWindow = (runs: readonly Run[], from: number): Run[] =>
  runs.filter(({ at }) => at >= from && at < from + 60_000);

describe('limits', () => {
  it('keep to the concurrency', async () => {
    const { most, runs } = await simulate(
      { ...unlimited, concurrency: 4 },
      Array(20).fill({ estimate: 1, lasts: 100 }),
    );
    expect(most).toBe(4);
    expect(runs.at(-1)!.at).toBe(400);
  });

  it('begin at most so many requests in any minute, and do not dawdle', async () => {
    const { runs } = await simulate(
      { ...unlimited, requestsPerMinute: 10 },
      Array(35).fill({ estimate: 1, lasts: 5 }),
    );
    for (const { at } of runs) expect(inWindow(runs, at).length).toBeLessThanOrEqual(10);
    expect(runs.at(-1)!.at).toBe(3 * 61_000);
  });

  it('hold for any mixture of requests', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(
          fc.record({
            estimate: fc.integer({ min: 1, max: 300 }),
            lasts: fc.integer({ min: 0, max: 50_000 }),
          }),
          {
            maxLength: 25,
          },
        ),
        fc.integer({ min: 1, max: 6 }),
        fc.integer({ min: 1, max: 8 }),
        fc.integer({ min: 100, max: 500 }),
        async (requests, concurrency, requestsPerMinute, tokensPerMinute) => {
          const { runs, most } = await simulate(
            { concurrency, requestsPerMinute, tokensPerMinute },
            requests,
          );
          expect(runs).toHaveLength(requests.length);
          expect(most).toBeLessThanOrEqual(concurrency);
          for (const { at } of runs) {
            const window = inWindow(runs, at);
            const tokens = window.reduce((sum, run) => sum + run.tokens, 0);
            expect(window.length).toBeLessThanOrEqual(requestsPerMinute);
            // A request larger than the limit goes alone.
            expect(window.length === 1 || tokens <= tokensPerMinute).toBe(true);
          }
        },
      ),
      { numRuns: 60 },
    );
  });

  it('make room when fewer tokens were used than estimated, and less when more were', async () => {
    const settings = { ...unlimited, concurrency: 1, tokensPerMinute: 1000 };
    const few = await simulate(settings, Array(10).fill({ estimate: 500, used: 50, lasts: 10 }));
    expect(few.runs.at(-1)!.at).toBe(90);
    const many = await simulate(settings, Array(3).fill({ estimate: 400, used: 900, lasts: 10 }));
    expect(many.runs.map(({ at }) => at)).toEqual([0, 61_000, 122_000]);
  });

  it('let nobody in during a pause', async () => {
    const clock = fakeClock(0);
    const waits: unknown[] = [];
    const limits = createLimits(unlimited, clock, (...wait) => waits.push(wait));
    limits.pause(5000);
    await limits.enter(1);
    expect(clock.now()).toBe(5000);
    expect(waits).toEqual([['pause', 5000]]);
  });

  it('let those that give up go, and serve the next', async () => {
    const clock = fakeClock(0);
    const limits = createLimits({ ...unlimited, concurrency: 1 }, clock);
    const first = await limits.enter(1);
    const abort = new AbortController();
    const second = limits.enter(1, abort.signal);
    const third = limits.enter(1);
    abort.abort(new Error('enough'));
    await expect(second).rejects.toThrow('enough');
    first.leave(null);
    (await third).leave(null);
    await expect(limits.enter(1, abort.signal)).rejects.toThrow('enough');
  });
});
