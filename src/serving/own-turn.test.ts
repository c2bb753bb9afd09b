import { setImmediate } from 'node:timers';
import { expect, it } from 'vitest';
import { ownTurn } from './own-turn.ts';

it('gives each its turn of the event loop, in the order in which they asked', async () => {
  let turns = 0;
  let counting = true;
  const count = (): void => {
    turns++;
    if (counting) setImmediate(count);
  };
  setImmediate(count);
  const seen = await Promise.all(['a', 'b', 'c'].map((name) => ownTurn().then(() => [name, turns] as const)));
  counting = false;
  expect(seen.map(([name]) => name)).toEqual(['a', 'b', 'c']);
  expect(new Set(seen.map(([, at]) => at)).size).toBe(3);
});
