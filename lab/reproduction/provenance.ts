// Where a table was made: machine, versions, commit. Knows the system, nothing of what was measured.
import { execFile } from 'node:child_process';
import { realpath } from 'node:fs/promises';
import { cpus } from 'node:os';
import { dirname } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { versions } from '../../src/runs/versions.ts';

export interface Provenance {
  readonly date: string;
  readonly cpu: string;
  readonly cores: number;
  readonly node: string;
  readonly versions: Readonly<Record<string, string>>;
  /** Of Whetstone's own repository, with "+" where files differ from it; null outside of it. */
  readonly commit: string | null;
}

export async function provenance(): Promise<Provenance> {
  const processors = cpus();
  return {
    date: new Date().toISOString(),
    cpu: processors[0]?.model.trim() ?? 'unknown',
    cores: processors.length,
    node: process.version,
    versions: { ...(await versions()) },
    commit: await commitOf(dirname(fileURLToPath(import.meta.url))),
  };
}

/** What is written about runs decides none of them. */
const pages = ':(top,exclude)docs';

/** The commit of the repository that `dir` belongs to, if it is Whetstone's own and not one that installed it. */
async function commitOf(dir: string): Promise<string | null> {
  const git = async (...args: string[]): Promise<string> =>
    (await promisify(execFile)('git', ['-C', dir, ...args], { timeout: 10_000 })).stdout.trim();
  try {
    if ((await realpath(dir)).split(/[/\\]/).includes('node_modules')) return null;
    const commit = await git('rev-parse', '--short=12', 'HEAD');
    const changed = await git('status', '--porcelain', '--untracked-files=no', '--', ':(top)', pages);
    return changed === '' ? commit : `${commit}+`;
  } catch {
    return null;
  }
}
