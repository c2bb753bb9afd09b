// A folder for what the tests of one run build, each program once, whichever test file asks first; gone after the run.
import { mkdir, mkdtemp, rm } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

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
