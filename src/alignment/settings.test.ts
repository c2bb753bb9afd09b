import { describe, expect, it } from 'vitest';
import { contradictions, defaultSettings, resolveSettings } from './settings.ts';
import type { AlignSettings } from './settings.ts';

const blamed = (given: Partial<AlignSettings>) =>
  contradictions(given, defaultSettings).map(({ keys }) => keys.join());

describe('settings', () => {
  it('default to those of the paper', () => {
    const settings = resolveSettings({ model: 'm', data: 'd' });
    expect(settings).toMatchObject({
      lambda: 1.2,
      alpha: 1,
      gamma: 1,
      loraR: 16,
      loraAlpha: 16,
      loraDropout: 0.05,
      learningRate: 4e-4,
    });
    expect(settings).toMatchObject({
      lrSchedulerType: 'cosine',
      warmupSteps: 100,
      batchSize: 8,
      epochs: 1,
      cutoffLen: 2048,
    });
  });

  it('follow the preset where nothing else was given', () => {
    const released = { model: 'm', data: 'd', preset: 'released-code' } as const;
    expect(resolveSettings(released)).toMatchObject({ lambda: 1.2, alpha: 0.5, gamma: 0, downsample: 0.25 });
    expect(resolveSettings({ ...released, alpha: 1 })).toMatchObject({ alpha: 1, gamma: 0 });
    expect(resolveSettings({ ...released, downsample: null })).toMatchObject({ downsample: null });
    expect(resolveSettings({ ...released, preset: 'paper' })).toMatchObject({ alpha: 1, downsample: null });
  });

  it('contradict each other in every way at once', () => {
    expect(blamed({ preset: 'released-code', gamma: 2, normalize: 'tokens' })).toEqual([
      'gamma,preset',
      'normalize,preset',
    ]);
    expect(blamed({ method: 'likelihood', lambda: 2, detection: false })).toEqual([
      'lambda,method',
      'detection,method',
    ]);
    expect(blamed({ l1: false, alignP: false, alignN: false })).toEqual(['l1,alignP,alignN']);
    expect(blamed({ l1: false, gamma: 2 })).toEqual(['gamma,l1']);
    expect(blamed({ dynamicWeight: false, gamma: 2 })).toEqual(['gamma,dynamicWeight']);
  });

  it('never contradict what a resolved run wrote down itself', () => {
    const runs: Partial<AlignSettings>[] = [
      {},
      { preset: 'released-code' },
      { preset: 'released-code', l1: false },
      { method: 'likelihood' },
      { l1: false },
      { dynamicWeight: false },
    ];
    for (const given of runs)
      expect(blamed(resolveSettings({ model: 'm', data: 'd', ...given }))).toEqual([]);
    expect(blamed(defaultSettings)).toEqual([]);
  });
});
