// Folders in the system's place for temporary files, gone when the work is done. Knows nothing of what is in them.
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { explainWriting } from './explain.ts';
import { workingIn } from './held.ts';

const about = { kept: 'It is a temporary file: TMPDIR can name another place for those.' };

/** Makes a new folder `whetstone-NAME-XXXXXX`. Throws as `explainWriting`. */
export function temporaryFolder(name: string): Promise<string> {
  const place = tmpdir();
  return explainWriting(place, () => mkdtemp(join(place, `whetstone-${name}-`)), about);
}

/** Makes a folder in such a folder. Throws as `explainWriting`. */
export const folderInTemporary = (path: string): Promise<unknown> =>
  explainWriting(path, () => mkdir(path), about);

/** Writes a file into such a folder. Throws as `explainWriting`. */
export const writeTemporary = (path: string, bytes: Uint8Array): Promise<void> =>
  explainWriting(path, () => writeFile(path, bytes), about);

/** Runs `use` with a new folder. What the system has against a write in it is thrown as `explainWriting` does. */
export async function withTemporaryFolder<T>(name: string, use: (dir: string) => Promise<T>): Promise<T> {
  const dir = await temporaryFolder(name);
  try {
    return await workingIn(dir, 'again', () => explainWriting(dir, () => use(dir), about));
  } finally {
    await rm(dir, { recursive: true, force: true }).catch(() => undefined);
  }
}
