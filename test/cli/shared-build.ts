// A folder for what the tests of one run build, each program once, whichever test file asks first; gone after the run.
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { setTimeout as sleep } from 'node:timers/promises';
import { exists } from '../../src/durable/files.ts';

/** The environment variable that has its path. */
export const buildFolder = 'WHETSTONE_TEST_BUILD';

export default async function setup(): Promise<() => Promise<void>> {
  // Inside the repository, so that imports of packages resolve.
  const cache = join(dirname(fileURLToPath(import.meta.url)), '..', '..', 'node_modules', '.cache');
  await mkdir(cache, { recursive: true });
  const folder = await mkdtemp(join(cache, 'whetstone-tests-'));
  process.env[buildFolder] = folder;
  return () => rm(folder, { recursive: true, force: true });
}

/** A folder of that name, which the first test file to ask fills by `build`, and the others wait for. */
export async function builtOnce(name: string, build: (outDir: string) => Promise<unknown>): Promise<string> {
  const outDir = join(process.env[buildFolder]!, name);
  const [whole, broken] = [`${outDir}.whole`, `${outDir}.broken`];
  const isFirst = await mkdir(outDir).then(
    () => true,
    () => false,
  );
  if (isFirst) {
    try {
      await build(outDir);
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
