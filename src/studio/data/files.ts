// Which data files the studio opens: those that lie below its folders, and on a page that this machine alone reaches any.
// Knows names and the beginnings of files, no rows.
import { open, readdir, realpath, stat } from 'node:fs/promises';
import { join, resolve, sep } from 'node:path';
import { WhetstoneError } from '../../errors.ts';
import { option } from '../../words/option.ts';
import type { DataFiles } from '../api/data.ts';
import type { Studio } from '../studio.ts';

/** Where files are; on a page that this machine alone reaches, whoever sees it may open any. */
export type Place = Pick<Studio, 'runs' | 'local'>;

const DATA_NAME = /\.(?:jsonl|ndjson|json|csv|tsv|parquet)(?:\.gz)?$/i;
/** What the program itself writes as lines that are no judged rows. */
const OWN_NAME = /^(?:metrics|events|chat|replies|decisions)\.jsonl$|\.(?:left-out|journal|replies)\.jsonl$/;
const SKIPPED_FOLDER = /^(?:\.|node_modules$|adapter$|checkpoints$|logging$)/;
/** Names of fields that rows of a known layout have. */
const FIELD = /"?\b(?:judgment|judgement|output|response|completions?|critiques?|feedback|messages)\b"?/;

const depth = 3;
const mostSeen = 4000;
const mostListed = 100;

/** The folder of runs, and on a page of this machine alone the one in which the studio was started. */
const foldersOf = ({ runs, local }: Place): string[] => [
  resolve(runs),
  ...(local === true && resolve('.') !== resolve(runs) ? [resolve('.')] : []),
];

export async function listFiles(studio: Place): Promise<DataFiles> {
  const found = new Map<string, { file: string; bytes: number; modified: string }>();
  let seen = 0;
  const look = async (folder: string, levels: number): Promise<void> => {
    const names = await readdir(folder, { withFileTypes: true }).catch(() => []);
    for (const each of names) {
      if (++seen > mostSeen) return;
      const file = join(folder, each.name);
      if (each.isDirectory() && levels > 0 && !SKIPPED_FOLDER.test(each.name)) await look(file, levels - 1);
      if (!each.isFile() || !DATA_NAME.test(each.name) || OWN_NAME.test(each.name) || found.has(file))
        continue;
      const info = await stat(file).catch(() => null);
      if (info !== null && info.size > 0 && (await looksJudged(file)))
        found.set(file, { file, bytes: info.size, modified: info.mtime.toISOString() });
    }
  };
  const folders = foldersOf(studio);
  // Below the folder of runs as deep as runs go; where the studio was started only what lies there.
  for (const [i, folder] of folders.entries()) await look(folder, i === 0 ? depth : 0);
  const files = [...found.values()].sort((a, b) => b.modified.localeCompare(a.modified));
  return { files: files.slice(0, mostListed), any: studio.local === true, folders };
}

async function looksJudged(file: string): Promise<boolean> {
  if (/\.(?:gz|parquet)$/i.test(file)) return true;
  const handle = await open(file).catch(() => null);
  if (handle === null) return false;
  try {
    const { buffer, bytesRead } = await handle.read(Buffer.alloc(8192), 0, 8192, 0);
    return FIELD.test(buffer.toString('utf8', 0, bytesRead).replaceAll('\0', ''));
  } finally {
    await handle.close();
  }
}

/**
 * The file's absolute path, where whoever sees the page may open it, or make one there. Throws WhetstoneError
 * `OUT_OF_REACH`.
 */
export async function reachable(studio: Place, file: string): Promise<string> {
  const path = resolve(file);
  if (studio.local === true) return path;
  const real = await realpath(path).catch(async () => {
    const folder = await realpath(join(path, '..')).catch(() => null);
    return folder === null ? path : join(folder, path.slice(path.lastIndexOf(sep) + 1));
  });
  const runs = await realpath(resolve(studio.runs)).catch(() => resolve(studio.runs));
  if (real.startsWith(runs + sep)) return path;
  throw new WhetstoneError(
    'OUT_OF_REACH',
    'others reach this page, which therefore opens files of the runs alone',
    {
      file,
      hint: `Put it into the folder of ${option('runs')} (${studio.runs}), or start the studio without ${option('host')}.`,
    },
  );
}
