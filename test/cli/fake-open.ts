// How a program opens the stand-in engine: with the options in FAKE_ENGINE, and loaded only when a verb opens one.
import type { OpenEngine } from '../../src/engine/engine.ts';
import type { FakeOptions } from './fake-engine.ts';

export const openFromEnvironment: OpenEngine = async (options) => {
  const { openFakeEngine } = await import('./fake-engine.ts');
  const fake = JSON.parse(process.env['FAKE_ENGINE'] ?? '{}') as Partial<FakeOptions>;
  return openFakeEngine(fake)(options);
};
