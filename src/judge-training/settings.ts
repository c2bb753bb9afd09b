// The settings of a judge's training: those of an alignment run of method critique, and its own. Knows no files.
import { methods, methodSettings } from '../alignment/methods.ts';
import type { AlignSettings } from '../alignment/settings.ts';

export interface JudgeOwnSettings {
  /** Share of the instructions that are kept back to test the judge on; 0 tests nothing. */
  readonly heldOut: number;
  /** Last line of the judgment of a response that is perfect, and of one that is not. */
  readonly yes: string;
  readonly no: string;
  /** Longest reply in the test, in tokens. */
  readonly maxNewTokens: number;
}

export type JudgeTrainingSettings = AlignSettings & JudgeOwnSettings;

export const judgeDefaults: JudgeOwnSettings = { heldOut: 0.1, yes: 'Yes.', no: 'No.', maxNewTokens: 256 };

/** Settings of `align` that mean nothing here: the method, and what belongs to other methods alone. */
export const foreignSettings: readonly (keyof AlignSettings)[] = [
  'method',
  ...methodSettings.filter((key) => !methods.critique.settings.includes(key)),
];

/** A record of settings in two: what is the judge's own, and what `align` is to be told. */
export function splitSettings<T extends Partial<JudgeTrainingSettings>>(
  all: T,
): { own: Partial<JudgeOwnSettings>; training: Partial<AlignSettings> } {
  const entries = Object.entries(all).filter(([, value]) => value !== undefined);
  const isOwn = ([key]: [string, unknown]): boolean => Object.hasOwn(judgeDefaults, key);
  return {
    own: Object.fromEntries(entries.filter(isOwn)),
    training: Object.fromEntries(entries.filter((entry) => !isOwn(entry))),
  };
}
