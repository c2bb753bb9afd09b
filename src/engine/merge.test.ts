import { appendFile, mkdtemp, readFile, readdir, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { modelDir } from '../../test/golden/golden.ts';
import { merge } from './merge.ts';

let folder: string;
beforeAll(async () => (folder = await mkdtemp(join(tmpdir(), 'whetstone-merge-'))));
afterAll(() => rm(folder, { recursive: true, force: true }));

const model = modelDir('llama3-bf16-sharded');
const adapter = join(model, 'adapter');
const filesIn = async (dir: string): Promise<[string, string][]> =>
  Promise.all(
    (await readdir(dir))
      .sort()
      .map(async (name): Promise<[string, string]> => [name, await readFile(join(dir, name), 'base64')]),
  );

it('goes on after the shards that are whole, and ends with the same bytes', async () => {
  const whole = join(folder, 'whole');
  await merge({ model, adapter, out: whole, threads: 1 });
  const out = join(folder, 'out');
  const journal = `${out}.journal.jsonl`;
  const names = async (): Promise<string[]> =>
    (await readFile(journal, 'utf8')).match(/(?<=^\{"file":")[^"]+/gm) ?? [];

  const firstShard = (await stat(join(whole, 'model-00001-of-00003.safetensors'))).size;
  // Stops in the midst of the second shard.
  const stop = new AbortController();
  const stopped = merge({
    model,
    adapter,
    out,
    threads: 1,
    signal: stop.signal,
    onProgress: (done) => {
      if (done > firstShard) stop.abort();
    },
  });
  await expect(stopped).rejects.toMatchObject({ code: 'STOPPED' });
  expect(await names()).toEqual(['model-00001-of-00003.safetensors']);
  const kept = (await stat(join(`${out}.partial`, 'model-00001-of-00003.safetensors'))).mtimeMs;
  await expect(merge({ model, adapter, out })).rejects.toMatchObject({ code: 'OUT_EXISTS' });

  // A kill leaves half a line, too.
  await appendFile(journal, '{"file":"model-00002-of');
  // Shells complete the names of folders with a separator.
  await merge({ model, adapter, out: `${out}/`, threads: 1, resume: true });
  expect(await filesIn(out)).toEqual(await filesIn(whole));
  expect((await stat(join(out, 'model-00001-of-00003.safetensors'))).mtimeMs).toBe(kept);
  expect((await readdir(folder)).sort()).toEqual(['out', 'whole']);
});
