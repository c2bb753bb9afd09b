import { cp, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { modelDir } from '../../test/golden/golden.ts';
import { resolveSettings } from './settings.ts';
import { loraOf, withStart } from './start.ts';

const model = modelDir('llama2');
const settings = resolveSettings({ model, data: 'rows.jsonl' });
let adapter: string;
beforeAll(async () => {
  adapter = join(await mkdtemp(join(tmpdir(), 'whetstone-start-')), 'adapter');
  await cp(join(model, 'adapter'), adapter, { recursive: true });
  const file = join(adapter, 'adapter_config.json');
  const config = JSON.parse(await readFile(file, 'utf8')) as object;
  const change = { target_modules: '.*layers\\.1\\.mlp\\.(up|gate)_proj', use_rslora: true };
  await writeFile(file, JSON.stringify({ ...config, ...change }));
});
afterAll(() => rm(join(adapter, '..'), { recursive: true }));

it('brings rank, alpha, the projections that its pattern means, and rsLoRA', async () => {
  const { loraR, loraAlpha, loraTargetModules, useRslora, loraDropout } = await withStart(
    settings,
    adapter,
    {},
  );
  expect({ loraTargetModules, useRslora, loraDropout }).toEqual({
    loraTargetModules: ['model.layers.1.mlp.gate_proj', 'model.layers.1.mlp.up_proj'],
    useRslora: true,
    loraDropout: settings.loraDropout,
  });
  const config = JSON.parse(await readFile(join(adapter, 'adapter_config.json'), 'utf8')) as object;
  expect({ r: loraR, lora_alpha: loraAlpha }).toEqual({
    r: (config as { r: number }).r,
    lora_alpha: (config as { lora_alpha: number }).lora_alpha,
  });
  expect(loraOf({ ...settings, useRslora }).rankStabilized).toBe(true);
});

it('changes nothing where there is none, and refuses settings that differ from it', async () => {
  expect(await withStart(settings, null, { loraR: 3 })).toBe(settings);
  await expect(
    withStart(settings, adapter, { loraR: 999, useRslora: false, loraTargetModules: ['up_proj'] }),
  ).rejects.toMatchObject({ code: 'INVALID_OPTIONS', problems: { length: 3 } });
});

it('reads an adapter of a family that only the engine torch opens by the matrices that it has', async () => {
  const foreign = fileURLToPath(new URL('../../test/torch/golden/gpt_neox', import.meta.url));
  const its = { ...settings, model: foreign };
  const start = join(foreign, 'adapter');
  await expect(withStart(its, start, {})).rejects.toMatchObject({ code: 'MODEL_UNSUPPORTED' });
  for (const engine of ['torch', 'torch://127.0.0.1:29400']) {
    expect(await withStart({ ...its, engine }, start, {})).toMatchObject({
      loraR: 4,
      loraTargetModules: ['dense', 'dense_4h_to_h', 'dense_h_to_4h', 'query_key_value'],
    });
  }
  await expect(withStart({ ...its, engine: 'torch' }, start, { loraR: 5 })).rejects.toMatchObject({
    code: 'INVALID_OPTIONS',
  });
});
