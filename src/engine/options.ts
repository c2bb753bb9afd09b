// What an engine is opened with, checked before anything is read. Knows no model.
import { checkOptions } from '../options/check.ts';
import type { Entry } from '../options/check.ts';
import { engineTable } from '../options/verbs.ts';
import type { OpenEngineOptions } from './engine.ts';

const engineEntry: Entry<typeof engineTable> = {
  table: engineTable,
  others: { lora: 'anything', prepack: 'boolean', wholeBatches: 'boolean', profile: 'anything' },
  required: () => ['modelDir'],
  together: () => [],
};

/** Throws WhetstoneError `INVALID_OPTIONS` for everything that is wrong with the options. */
export function requireEngineOptions(options: OpenEngineOptions): void {
  checkOptions(engineEntry, options);
}
