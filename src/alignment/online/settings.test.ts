// Which settings of other methods an online run takes: its own defaults, spelled out, and nothing else.
import { expect, it } from 'vitest';
import { onlineDefaults, onlineEntry } from './settings.ts';

it('takes a default that is spelled out with any method, and refuses other values that mean nothing to it', () => {
  const wrong = (lambda: number) => onlineEntry.together({ method: 'likelihood', lambda });
  expect(wrong(onlineDefaults.lambda)).toEqual([]);
  expect(wrong(1.2)).toMatchObject([{ keys: ['lambda', 'method'] }]);
});
