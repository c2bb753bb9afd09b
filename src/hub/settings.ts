// Where the hub and its cache are and how to talk to it: the environment variables of Python's huggingface_hub.
import type { Environment } from '../durable/caches.ts';
import { userCaches, userHome } from '../durable/caches.ts';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { WhetstoneError } from '../errors.ts';

export interface HubSettings {
  /** HF_HUB_CACHE, else HF_HOME/hub, else ~/.cache/huggingface/hub. */
  readonly cache: string;
  /** HF_ENDPOINT without a slash at its end; default https://huggingface.co. */
  readonly endpoint: string;
  /** HF_TOKEN, else the content of HF_TOKEN_PATH (HF_HOME/token). Sent to the endpoint only, and never shown. */
  readonly token: string | null;
  /** HF_HUB_OFFLINE or TRANSFORMERS_OFFLINE: the cache is all there is. */
  readonly offline: boolean;
  /** Whether snapshots may point into blobs; HF_HUB_DISABLE_SYMLINKS. */
  readonly symlinks: boolean;
  /** Milliseconds until an answer has to begin; HF_HUB_ETAG_TIMEOUT (seconds), default 10. */
  readonly answerTimeout: number;
  /** Milliseconds without a byte after which a download is broken off; HF_HUB_DOWNLOAD_TIMEOUT (seconds), default 10. */
  readonly stallTimeout: number;
  /** Milliseconds before the first retry; each further one waits twice as long. */
  readonly retryDelay: number;
}

/** Variables that are set to nothing count as not set. */
export async function hubSettings(env: Environment = process.env): Promise<HubSettings> {
  const ownHome = userHome(env);
  const path = (value: string): string =>
    value
      .replace(/^~(?=$|[/\\])/, ownHome)
      .replace(/\$\{?(\w+)\}?/g, (all, name: string) => env[name] ?? all);
  const home = path(env['HF_HOME'] || join(userCaches(env), 'huggingface'));
  return {
    cache: path(env['HF_HUB_CACHE'] || env['HUGGINGFACE_HUB_CACHE'] || join(home, 'hub')),
    endpoint: endpointOf(env['HF_ENDPOINT'] || 'https://huggingface.co'),
    token: await readToken(env, path(env['HF_TOKEN_PATH'] || join(home, 'token'))),
    offline: isTrue(env['HF_HUB_OFFLINE'] || env['TRANSFORMERS_OFFLINE']),
    symlinks: !isTrue(env['HF_HUB_DISABLE_SYMLINKS']),
    answerTimeout: seconds(env['HF_HUB_ETAG_TIMEOUT']),
    stallTimeout: seconds(env['HF_HUB_DOWNLOAD_TIMEOUT']),
    retryDelay: 500,
  };
}

function endpointOf(given: string): string {
  if (URL.canParse(given) && /^https?:$/.test(new URL(given).protocol)) return given.replace(/\/+$/, '');
  throw new WhetstoneError('HUB_ENDPOINT', `HF_ENDPOINT is "${given}", which is no address of a server`, {
    hint: 'Write it with its beginning, as in https://huggingface.co, or unset it.',
  });
}

const isTrue = (value: string | undefined): boolean => /^(?:1|on|yes|true)$/i.test(value ?? '');

function seconds(value: string | undefined): number {
  const given = Number(value);
  return (given > 0 && Number.isFinite(given) ? given : 10) * 1000;
}

/** Where HF_HUB_DISABLE_IMPLICIT_TOKEN is set, none. */
async function readToken(env: Environment, file: string): Promise<string | null> {
  if (isTrue(env['HF_HUB_DISABLE_IMPLICIT_TOKEN'])) return null;
  const given =
    env['HF_TOKEN'] || env['HUGGING_FACE_HUB_TOKEN'] || (await readFile(file, 'utf8').catch(() => ''));
  return given.replace(/[\r\n]/g, '').trim() || null;
}
