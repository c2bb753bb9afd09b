// The studio's page, built once for all test files of a run.
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { build } from 'vite';
import { builtOnce } from '../cli/shared-build.ts';

const configFile = join(fileURLToPath(new URL('../..', import.meta.url)), 'studio.config.ts');

/** Folder of the page, for `startStudio({ page })`. */
export const builtStudio = (): Promise<string> =>
  builtOnce('studio', (outDir) => build({ configFile, build: { outDir }, logLevel: 'error' }));
