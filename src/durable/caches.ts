// Where a user's programs keep what can be made or fetched again. Knows no cache.
import { homedir } from 'node:os';
import { join } from 'node:path';

export type Environment = Readonly<Record<string, string | undefined>>;

/** Variables that are set to nothing count as not set. */
export const userHome = (env: Environment): string => env['HOME'] || env['USERPROFILE'] || homedir();

/** The folder that has a folder for each program's cache. */
export const userCaches = (env: Environment): string =>
  env['XDG_CACHE_HOME'] || join(userHome(env), '.cache');
