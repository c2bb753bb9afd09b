// Environment variables: the same places as Python's huggingface_hub.
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { modelOfSnapshot } from './cache.ts';
import { hubSettings } from './index.ts';

const cacheOf = async (env: Record<string, string>): Promise<string> =>
  (await hubSettings({ HOME: '/home/ada', ...env })).cache;

it('finds the cache', async () => {
  expect(await cacheOf({})).toBe(join('/home/ada', '.cache', 'huggingface', 'hub'));
  expect(await cacheOf({ XDG_CACHE_HOME: '/x' })).toBe(join('/x', 'huggingface', 'hub'));
  expect(await cacheOf({ XDG_CACHE_HOME: '/x', HF_HOME: '~/hf' })).toBe(join('/home/ada/hf', 'hub'));
  expect(await cacheOf({ HF_HOME: '/hf', HF_HUB_CACHE: '$HOME/c' })).toBe('/home/ada/c');
  expect(await cacheOf({ HUGGINGFACE_HUB_CACHE: '/old' })).toBe('/old');
});

it('refuses an endpoint that is no address', async () => {
  for (const HF_ENDPOINT of ['nonsense', 'huggingface.co', 'ftp://mirror/', 'localhost:80'])
    await expect(hubSettings({ HF_ENDPOINT })).rejects.toMatchObject({ code: 'HUB_ENDPOINT' });
  expect((await hubSettings({ HF_ENDPOINT: 'http://mirror/hf//' })).endpoint).toBe('http://mirror/hf');
});

it('finds the token', async () => {
  const home = await mkdtemp(join(tmpdir(), 'whetstone-token-'));
  const tokenOf = async (env: Record<string, string>): Promise<string | null> =>
    (await hubSettings({ HF_HOME: home, ...env })).token;
  expect(await tokenOf({})).toBeNull();
  await writeFile(join(home, 'token'), 'hf_file\n');
  expect(await tokenOf({})).toBe('hf_file');
  expect(await tokenOf({ HF_TOKEN: '' })).toBe('hf_file');
  expect(await tokenOf({ HF_TOKEN: ' hf_given\n' })).toBe('hf_given');
  expect(await tokenOf({ HF_TOKEN: 'hf_given', HF_HUB_DISABLE_IMPLICIT_TOKEN: '1' })).toBeNull();
  await rm(home, { recursive: true });
});

it('reads switches and times', async () => {
  const plain = await hubSettings({ HOME: '/home/ada' });
  expect(plain).toMatchObject({
    endpoint: 'https://huggingface.co',
    offline: false,
    symlinks: true,
    answerTimeout: 10_000,
  });
  const other = await hubSettings({
    HOME: '/home/ada',
    HF_ENDPOINT: 'http://mirror.test/hub//',
    HF_HUB_OFFLINE: 'yes',
    HF_HUB_DISABLE_SYMLINKS: 'TRUE',
    HF_HUB_ETAG_TIMEOUT: '3',
    HF_HUB_DOWNLOAD_TIMEOUT: 'soon',
  });
  expect(other).toMatchObject({
    endpoint: 'http://mirror.test/hub',
    offline: true,
    symlinks: false,
    answerTimeout: 3000,
    stallTimeout: 10_000,
  });
  expect((await hubSettings({ HF_HUB_OFFLINE: '0', TRANSFORMERS_OFFLINE: '1' })).offline).toBe(false);
});

it('knows the name of a model by its snapshot', () => {
  const commit = '0123456789abcdef0123456789abcdef01234567';
  expect(modelOfSnapshot(`/c/models--ink--well/snapshots/${commit}`)).toBe('ink/well');
  expect(modelOfSnapshot(`C:\\c\\models--well\\snapshots\\${commit}`)).toBe('well');
  expect(modelOfSnapshot(`/c/models--ink--well/snapshots/main`)).toBeNull();
  expect(modelOfSnapshot(`/c/ink/well`)).toBeNull();
});
