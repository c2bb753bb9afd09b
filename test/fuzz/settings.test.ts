// Hostile YAML that a person writes: config files of verbs, and files of prompt templates.
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import { stringify } from 'yaml';
import { temporaryFolders } from '../../src/models/model-files.test-helper.ts';
import { readConfigFile } from '../../src/options/config-file.ts';
import { ALPACA, loadTemplate } from '../../src/tokens/template.ts';
import { fuzz } from './fuzz.ts';
import { damaged, strange } from './inputs.ts';

const dir = temporaryFolders()();
const aliases = (depth: number): string =>
  ['a0: &a0 [x, x, x, x, x, x, x, x, x]']
    .concat(
      Array.from(
        { length: depth },
        (_, i) => `a${i + 1}: &a${i + 1} [${Array(9).fill(`*a${i}`).join(', ')}]`,
      ),
    )
    .join('\n');
const odd = fc.constantFrom(
  ...[2, 5, 9].map(aliases),
  ...[
    '--- 1\n--- 2',
    'a: 1\na: 2',
    '? [x]\n: 1',
    '!!js/function f',
    '&a [*a]',
    '<<: *x',
    'a: !!binary "////"',
  ],
  ...[
    '%YAML 9.9\n---\na: 1',
    '\u001b[2J: 1',
    `${'a: {'.repeat(2000)}`,
    `${'- '.repeat(5000)}x`,
    '\t- x',
    'a: |9\n x',
  ],
);
const yaml = (value: unknown): Buffer => Buffer.from(stringify(value));
const bytes = (whole: string): fc.Arbitrary<Uint8Array> =>
  fc.oneof(
    { weight: 4, arbitrary: damaged(whole) },
    { weight: 1, arbitrary: odd.map((text) => Buffer.from(text)) },
    { weight: 1, arbitrary: strange.filter((value) => value !== undefined).map(yaml) },
  );

const file = join(dir, 'file.yaml');
fuzz('YAML: config files', {
  inputs: bytes(
    'model: ./model\nout: run\nlearning_rate: 1e-4\nlora_target_modules: [up_proj, "down_proj"]\nalpha: 1.0 # x\n',
  ),
  runs: 1500,
  readOneIn: 20,
  read: (content) => {
    writeFileSync(file, content);
    return readConfigFile(file);
  },
});

const tokenizer = { chatTemplate: null, specialTokens: {}, addedTokens: new Set<string>() };
fuzz('YAML: template files', {
  inputs: bytes(stringify(ALPACA)),
  runs: 1000,
  readOneIn: 40,
  read: async (content) => {
    writeFileSync(file, content);
    const template = await loadTemplate(file, tokenizer);
    return template.render({ instruction: 'i', input: 'x' }, 'j');
  },
});
