// What the demonstration trains with: the settings that were chosen for CUT on the world's development split.
import { defaultSettings } from '../../src/alignment/settings.ts';
import type { MethodSettings } from '../reproduction/index.ts';
import { settingsOf } from '../reproduction/index.ts';

export const demoSettings: MethodSettings & { readonly lambda: number } = {
  lambda: defaultSettings.lambda,
  ...settingsOf('cut', 250),
};
