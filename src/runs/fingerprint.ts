// What names the weights that answer, for whoever is told of it. Knows digests, no model.
import { createHash } from 'node:crypto';
import { folderDigests } from './digests.ts';
import { versions } from './versions.ts';

/** Changes with the files of the model and of the adapter, and with the version of the program. */
export async function weightsFingerprint(modelDir: string, adapterDir: string | null): Promise<string> {
  const parts = [
    await versions(),
    await folderDigests(modelDir),
    adapterDir === null ? null : await folderDigests(adapterDir),
  ];
  return `fp_${createHash('sha256').update(JSON.stringify(parts)).digest('hex').slice(0, 10)}`;
}
