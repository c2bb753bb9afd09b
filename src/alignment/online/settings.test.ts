// Which settings of other methods an online run takes: its own defaults, spelled out, and nothing else.
import { expect, it } from 'vitest';
import { resolveSettings } from '../settings.ts';
import { onlineDefaults, onlineEntry, resolveOnlineSettings, trainingSettings } from './settings.ts';

it('takes a default that is spelled out with any method, and refuses other values that mean nothing to it', () => {
  const wrong = (lambda: number) => onlineEntry.together({ method: 'likelihood', lambda });
  expect(wrong(onlineDefaults.lambda)).toEqual([]);
  expect(wrong(1.2)).toMatchObject([{ keys: ['lambda', 'method'] }]);
});

it('has the settings of the released online script with its preset', () => {
  const given = { model: 'm', instructions: 'i', rounds: 1, perRound: 1, judge: 'exec:j' };
  const released = { ...given, preset: 'released-code' as const };
  const settings = resolveOnlineSettings(released);
  expect(settings).toMatchObject({ lambda: 1.1, alpha: 1, gamma: 0, downsample: 0.25 });
  expect(resolveOnlineSettings({ ...released, alpha: 0.5 })).toMatchObject({ alpha: 0.5, gamma: 0 });
  expect(resolveOnlineSettings(given)).toMatchObject({ alpha: 1, gamma: 1 });
  // Spelled out, these are no contradiction, and a round is trained with them.
  expect(onlineEntry.together({ ...released, alpha: 1, gamma: 0, downsample: 0.25 })).toEqual([]);
  const round = trainingSettings(settings, { data: 'd', adapter: null, seed: 1 });
  expect(resolveSettings(round)).toMatchObject({ alpha: 1, gamma: 0, downsample: null });
});
