// Where the models are that come with the project: folders beside the code, whether bundled or not.
import { existsSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { WhetstoneError } from '../../src/errors.ts';
import { DOCUMENT_SHARES } from './documents.ts';

/** Hidden sizes of the models that come with the project; the first is the base model of demo and tables. */
export const worldModelWidths = [128, 64, 96] as const;

/** A model's name by what it was made of: its width and, where it is unusual, the share of judged documents. */
export const worldModelName = (hiddenSize: number, judged: number = DOCUMENT_SHARES.judged): string =>
  `world-${hiddenSize}${judged === DOCUMENT_SHARES.judged ? '' : `-judged-${100 * judged}`}`;

/** The model of width 64 that has read few judgments: 2% of its documents, not 42%. */
export const poorReader = '64-judged-2';

/** A model that comes with the project: its width, or the name of the one that reads judgments poorly. */
export type WorldModel = number | typeof poorReader;

/** Folder of the model of that hidden size, or of that name. Throws `NO_WORLD_MODEL` where the installation lacks it. */
export function worldModelDir(model: WorldModel = worldModelWidths[0]): string {
  const name = `world-${model}`;
  for (let dir = dirname(fileURLToPath(import.meta.url)); ; dir = dirname(dir)) {
    const found = join(dir, 'models', name);
    if (existsSync(join(found, 'config.json'))) return found;
    if (dir === dirname(dir)) break;
  }
  throw new WhetstoneError('NO_WORLD_MODEL', `there is no model "${name}" beside the program`, {
    hint: 'Make it with "whetstone world pretrain"; the README.md of each model in the repository has its command.',
  });
}
