// Where an adapter lies that a person names: in the folder itself, or in that of the run that trained it. Knows files by
// their names, not what is in them.
import { readdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { WhetstoneError } from '../errors.ts';
import { note } from '../words/note.ts';
import type { Note } from '../words/note.ts';
import { option } from '../words/option.ts';
import { recordFile } from './record.ts';

const configFile = 'adapter_config.json';
const isThere = (path: string): Promise<boolean> =>
  stat(path).then(
    () => true,
    () => false,
  );
/** Whether the folder is that of a run. */
export const isRun = (dir: string): Promise<boolean> => isThere(recordFile(dir));

const isAdapter = (dir: string): Promise<boolean> => isThere(join(dir, configFile));

/**
 * The PEFT folder that `path` means: itself, or the adapter of the run in it; whatever else it is, it is returned as it
 * is, for its reader to tell. Throws WhetstoneError `ADAPTER` for a run without an adapter, and for a folder with several.
 */
export async function adapterFolder(path: string): Promise<string> {
  if (await isAdapter(path)) return path;
  if (await isRun(path)) {
    const own = join(path, 'adapter');
    if (await isAdapter(own)) return own;
    throw new WhetstoneError('ADAPTER', 'this is a run that has no adapter yet', {
      file: path,
      hint: `It has one when its training is complete: go on with the run with ${option('resume')}.`,
    });
  }
  const within = await adaptersIn(path);
  if (within.length === 0) return path;
  throw new WhetstoneError(
    'ADAPTER',
    `this holds no ${configFile}, but folders in it do: ${within.join(', ')}`,
    {
      file: path,
      hint: 'Name the one that is meant.',
    },
  );
}

/** What a person should know who named a run in the place of its adapter. Throws as `adapterFolder`. */
export async function adapterNotes(path: string): Promise<Note[]> {
  const dir = await adapterFolder(path);
  return dir === path ? [] : [note('ADAPTER_OF_RUN', `${path} is a run; its adapter, ${dir}, is used.`)];
}

/** Folders in `path` that hold adapters, such as a trainer's checkpoints; the first few. */
async function adaptersIn(path: string): Promise<string[]> {
  const names = await readdir(path).catch(() => []);
  const found: string[] = [];
  for (const name of names.sort())
    if (found.length < 5 && (await isAdapter(join(path, name)))) found.push(name);
  return found;
}
