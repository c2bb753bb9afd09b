// The studio's page, built once for all test files of a run, whichever asks first.
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { setTimeout as sleep } from 'node:timers/promises';
import { build } from 'vite';
import { exists } from '../../src/durable/files.ts';
import { buildFolder } from '../cli/shared-build.ts';

const root = fileURLToPath(new URL('../..', import.meta.url));

/** Folder of the page, for `startStudio({ page })`. */
export async function builtStudio(): Promise<string> {
  const outDir = join(process.env[buildFolder]!, 'studio');
  const [whole, broken] = [`${outDir}.whole`, `${outDir}.broken`];
  const isFirst = await mkdir(outDir).then(
    () => true,
    () => false,
  );
  if (isFirst) {
    try {
      await build({ configFile: join(root, 'studio.config.ts'), build: { outDir }, logLevel: 'error' });
    } catch (error) {
      await writeFile(broken, String(error));
      throw error;
    }
    await writeFile(whole, '');
  }
  while (!(await exists(whole))) {
    if (await exists(broken)) throw new Error(await readFile(broken, 'utf8'));
    await sleep(50);
  }
  return outDir;
}
