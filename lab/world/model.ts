// Where the models are that come with the project: folders beside the code, whether bundled or not.
import { existsSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { WhetstoneError } from '../../src/errors.ts';

/** Hidden sizes of the models that come with the project; the first is the base model of demo and tables. */
export const worldModelWidths = [128, 64, 96] as const;

/** Folder of the model of that hidden size. Throws `NO_WORLD_MODEL` where the installation lacks it. */
export function worldModelDir(hiddenSize: number = worldModelWidths[0]): string {
  const name = `world-${hiddenSize}`;
  for (let dir = dirname(fileURLToPath(import.meta.url)); ; dir = dirname(dir)) {
    const found = join(dir, 'models', name);
    if (existsSync(join(found, 'config.json'))) return found;
    if (dir === dirname(dir)) break;
  }
  throw new WhetstoneError('NO_WORLD_MODEL', `there is no model "${name}" beside the program`, {
    hint: `Make one with "whetstone world pretrain --hidden_size ${hiddenSize} --out DIR".`,
  });
}
