// What a model computes on, in words.
import type { EngineDescription } from '../engine/engine.ts';
import { plural } from '../words/numbers.ts';

export const computedOn = ({ threads, device = 'cpu' }: EngineDescription): string =>
  device === 'cpu' ? plural(threads, 'thread') : `on the device ${device}`;
