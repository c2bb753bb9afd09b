import { describe, expect, it } from 'vitest';
import { createRandom } from '../random.ts';
import { fakeClock } from './clock.test-helper.ts';
import { backoff, readRetryAfter, withRetries } from './retry.ts';
import type { Attempt, Failure } from './retry.ts';

const passing: Failure = { kind: 'passing', words: 'away', billed: false };
async function run(attempts: readonly Attempt<string>[], retries = 6) {
  const clock = fakeClock(0);
  let calls = 0;
  const result = await withRetries(() => Promise.resolve(attempts[Math.min(calls++, attempts.length - 1)]!), {
    retries,
    clock,
    random: createRandom(1),
    signal: new AbortController().signal,
  });
  return { result, calls, sleeps: clock.sleeps };
}

describe('withRetries', () => {
  it('repeats what may pass, as often as it may', async () => {
    const { result, calls } = await run([{ failure: passing }, { failure: passing }, { ok: 'fine' }]);
    expect([result, calls]).toEqual([{ ok: 'fine' }, 3]);
    const never = await run([{ failure: passing }], 4);
    expect([never.result, never.calls, never.sleeps.length]).toEqual([{ failure: passing }, 5, 4]);
  });

  it('repeats nothing that will not pass', async () => {
    for (const kind of ['row', 'final'] as const) {
      expect((await run([{ failure: { ...passing, kind } }])).calls).toBe(1);
    }
  });

  it('waits in full for what the server asks, and not at all if that is more than an hour', async () => {
    const { sleeps } = await run([{ failure: { ...passing, retryAfter: 90_000 } }, { ok: '' }]);
    expect(sleeps[0]).toBeGreaterThanOrEqual(90_000);
    expect(sleeps[0]).toBeLessThanOrEqual(91_000);
    expect((await run([{ failure: { ...passing, retryAfter: 3_600_001 } }])).calls).toBe(1);
  });

  it('backs off all the same from a server that asks for no wait at all', async () => {
    const { sleeps } = await run([{ failure: { ...passing, retryAfter: 0 } }]);
    const { sleeps: plain } = await run([{ failure: passing }]);
    expect(sleeps).toEqual(plain);
    expect(sleeps.reduce((sum, wait) => sum + wait, 0)).toBeGreaterThan(6000);
  });

  it('waits the same for the same seed', async () => {
    const [a, b] = [await run([{ failure: passing }]), await run([{ failure: passing }])];
    expect(a.sleeps).toEqual(b.sleeps);
  });

  it('ends a wait at an abort', async () => {
    const abort = new AbortController();
    const running = withRetries(() => Promise.resolve<Attempt<string>>({ failure: passing }), {
      ...{ retries: 3, clock: fakeClock(0), random: createRandom(1), signal: abort.signal },
      onWait: () => abort.abort(new Error('enough')),
    });
    await expect(running).rejects.toThrow('enough');
  });
});

it('backoff is uniform below a bound that doubles up to a minute', () => {
  const random = createRandom(7);
  for (const [repeats, bound] of [
    [0, 1000],
    [3, 8000],
    [5, 32_000],
    [6, 60_000],
    [500, 60_000],
  ] as const) {
    const waits = Array.from({ length: 2000 }, () => backoff(repeats, random));
    expect(Math.max(...waits)).toBeLessThan(bound);
    expect(Math.max(...waits)).toBeGreaterThan(bound * 0.98);
    expect(Math.min(...waits)).toBeLessThan(bound * 0.02);
    const mean = waits.reduce((sum, wait) => sum + wait, 0) / waits.length;
    expect(mean / bound).toBeCloseTo(0.5, 1);
  }
});

it.each<[Record<string, string>, number | undefined]>([
  [{}, undefined],
  [{ 'retry-after': '3' }, 3000],
  [{ 'retry-after': '0.5' }, 500],
  [{ 'retry-after-ms': '20', 'retry-after': '3' }, 20],
  [{ 'retry-after': 'Thu, 01 Jan 1970 00:01:40 GMT' }, 60_000],
  [{ 'retry-after': 'Thu, 01 Jan 1970 00:00:10 GMT' }, 0],
  [{ 'retry-after': '-1' }, undefined],
  [{ 'retry-after': 'soon' }, undefined],
])('readRetryAfter(%o) is %s', (headers, expected) => {
  expect(readRetryAfter(new Headers(headers), 40_000)).toBe(expected);
});
