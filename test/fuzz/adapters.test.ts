// Hostile PEFT adapters: their configuration's fields and bytes, and their weights.
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import { expect } from 'vitest';
import { rawSafetensors, temporaryFolders } from '../../src/models/model-files.test-helper.ts';
import { readAdapter } from '../../src/models/peft.ts';
import { readSafetensorsHeader } from '../../src/models/safetensors.ts';
import { readTemplateRecord } from '../../src/tokens/template-record.ts';
import { modelDir } from '../golden/golden.ts';
import { fuzz } from './fuzz.ts';
import { damaged, strange } from './inputs.ts';

const newFolder = temporaryFolders();
const golden = join(modelDir('llama2'), 'adapter');
const bytesOf = (name: string): Buffer => readFileSync(join(golden, name));
const config = JSON.parse(bytesOf('adapter_config.json').toString()) as Record<string, unknown>;
const weights = bytesOf('adapter_model.safetensors');
const { tensors } = await readSafetensorsHeader(join(golden, 'adapter_model.safetensors'));
const model = { layers: 2 };

const dir = newFolder();
async function read(files: Readonly<Record<string, string | Uint8Array>>): Promise<void> {
  const whole = {
    'adapter_config.json': JSON.stringify(config),
    'adapter_model.safetensors': weights,
    ...files,
  };
  for (const [name, content] of Object.entries(whole)) writeFileSync(join(dir, name), content);
  const adapter = await readAdapter(dir, model);
  expect(adapter.lora.rank).toBeGreaterThan(0);
  expect(adapter.tensors.size % 2).toBe(0);
}

const fields = [
  ...Object.keys(config),
  ...[
    'layers_to_transform',
    'layers_pattern',
    'rank_pattern',
    'alpha_pattern',
    'modules_to_save',
    'use_dora',
  ],
  ...['exclude_modules', '__proto__', 'constructor'],
];
const names = fc.oneof(
  fc.constantFrom(
    'up_proj',
    'mlp.up_proj',
    'all-linear',
    '.*',
    '(a+)+$',
    '(',
    'layers',
    '',
    '\u001b[2J',
    '[^',
  ),
  fc.constantFrom(
    '(.*)*(.*)*(.*)*x',
    '(([a-z]|\\.|_|\\d)+)+Y',
    '((((((((((.*)*)*)*)*)*)*)*)*)*)*y',
    '(?<n>.)\\k<n>',
    '.*\\.(up|down)_proj',
  ),
  fc.string({ maxLength: 20 }),
);
const value = fc.oneof(strange, names, fc.array(names, { maxLength: 4 }), fc.integer({ min: -2, max: 3 }));

fuzz('an adapter: fields of its configuration', {
  inputs: fc.dictionary(fc.constantFrom(...fields), value, { minKeys: 1, maxKeys: 3 }),
  runs: 1000,
  readOneIn: 40,
  read: (some) => read({ 'adapter_config.json': JSON.stringify({ ...config, ...some }) }),
});

fuzz('an adapter: bytes of its configuration', {
  inputs: damaged(JSON.stringify(config)),
  runs: 500,
  readOneIn: 40,
  read: (bytes) => read({ 'adapter_config.json': bytes }),
});

const wrap = fc.constantFrom('', 'module.', '_orig_mod.', 'base_model.model.', 'model.', '\u001b[2J', 'x');
const key = fc
  .tuple(fc.constantFrom(...tensors.keys()), wrap, fc.constantFrom('', '.default', '.0', 'y'))
  .map(([name, before, after]) => before + name.replace('.weight', `${after}.weight`));
const renamed = fc
  .array(fc.tuple(fc.constantFrom(...tensors.keys()), key), { maxLength: 3 })
  .map((changes) => {
    const length = Number(weights.readBigUInt64LE());
    let text = weights.subarray(8, 8 + length).toString();
    for (const [from, to] of changes) text = text.replaceAll(JSON.stringify(from), JSON.stringify(to));
    return rawSafetensors(text, weights.subarray(8 + length));
  });

fuzz('an adapter: its weights', {
  inputs: fc.oneof(renamed, damaged(weights)),
  runs: 1000,
  readOneIn: 40,
  read: (bytes) => read({ 'adapter_model.safetensors': bytes }),
});

fuzz('an adapter: its record of the template', {
  inputs: fc.oneof(
    damaged('{"template":"chat","template_args":{"enable_thinking":false}}'),
    fc
      .dictionary(fc.constantFrom('template', 'template_args', 'strings', 'x'), strange)
      .map((json) => Buffer.from(JSON.stringify(json))),
  ),
  runs: 500,
  readOneIn: 40,
  read: (bytes) => {
    writeFileSync(join(dir, 'prompt_template.json'), bytes);
    return readTemplateRecord(dir);
  },
});
