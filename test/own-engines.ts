// What tests of engines share: a folder with a cache of quantized weights that is nobody else's, and engines that end with
// their test.
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach } from 'vitest';
import { openEngine } from '../src/engine/onnx-engine.ts';
import type { OnnxEngine } from '../src/engine/onnx-engine.ts';

/** A new folder for the tests of a file, with `cache` in it as WHETSTONE_CACHE before each; gone after the last. */
export function ownFolder(name: string): () => string {
  let dir = '';
  const environment = process.env['WHETSTONE_CACHE'];
  beforeAll(async () => {
    dir = await mkdtemp(join(tmpdir(), `whetstone-${name}-`));
  });
  beforeEach(() => {
    process.env['WHETSTONE_CACHE'] = join(dir, 'cache');
  });
  afterAll(async () => {
    if (environment === undefined) delete process.env['WHETSTONE_CACHE'];
    else process.env['WHETSTONE_CACHE'] = environment;
    await rm(dir, { recursive: true, force: true });
  });
  return () => dir;
}

type Options = Parameters<typeof openEngine>[0];

/** Opens engines, with one thread and what `usual` says unless told otherwise; each ends with its test. */
export function ownEngines(usual: Partial<Options> = {}): (options: Options) => Promise<OnnxEngine> {
  const opened: OnnxEngine[] = [];
  afterEach(async () => {
    for (const engine of opened.splice(0)) await engine.dispose();
  });
  return async (options) => {
    const engine = await openEngine({ threads: 1, ...usual, ...options });
    opened.push(engine);
    return engine;
  };
}
