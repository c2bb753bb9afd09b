// The settings of sampling among other settings. Knows their names, not what they do.
import type { Sampling } from '../engine/engine.ts';

const names = [
  ...['maxNewTokens', 'temperature', 'topP', 'topK', 'minP', 'minTokens'],
  ...['repetitionPenalty', 'frequencyPenalty', 'presencePenalty'],
] as const;

/** Sampling as a person sets it: without the stream of random numbers, which is each response's own. */
export type SamplingSettings = Omit<Sampling, 'seed' | 'logitBias'>;

/** Those of `settings` that say how tokens are drawn, in a fixed order. */
export const samplingOf = (settings: SamplingSettings): SamplingSettings => {
  const given = new Map(Object.entries(settings));
  return Object.fromEntries(
    names.flatMap((name) => (given.get(name) === undefined ? [] : [[name, given.get(name)]])),
  ) as unknown as SamplingSettings;
};
