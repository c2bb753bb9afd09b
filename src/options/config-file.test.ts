import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { readConfigFile } from './config-file.ts';

let file: string;
beforeEach(async () => {
  file = join(await mkdtemp(join(tmpdir(), 'whetstone-config-')), 'c.yaml');
});
afterEach(() => rm(join(file, '..'), { recursive: true, force: true }));

const read = async (text: string) => {
  await writeFile(file, text);
  return readConfigFile(file);
};

it('gives entries with their places and leaves the record of a run out', async () => {
  expect(
    await read(
      '# mine\nlambda: 1.1\nlearning_rate: 4e-4\n\nlora_target_modules:\n  - q_proj\nadapter: null\nrun:\n  x: 1\n',
    ),
  ).toEqual([
    { key: 'lambda', value: 1.1, place: { file, line: 2, column: 1 } },
    { key: 'learning_rate', value: 4e-4, place: { file, line: 3, column: 1 } },
    { key: 'lora_target_modules', value: ['q_proj'], place: { file, line: 5, column: 1 } },
    { key: 'adapter', value: null, place: { file, line: 7, column: 1 } },
  ]);
});

it('reads JSON, and names places in it', async () => {
  const json = join(file, '..', 'c.json');
  await writeFile(json, '{\n  "lambda": 1.1,\n  "lora_target_modules": ["q_proj"],\n  "shuffle": false\n}\n');
  expect(await readConfigFile(json)).toEqual([
    { key: 'lambda', value: 1.1, place: { file: json, line: 2, column: 3 } },
    { key: 'lora_target_modules', value: ['q_proj'], place: { file: json, line: 3, column: 3 } },
    { key: 'shuffle', value: false, place: { file: json, line: 4, column: 3 } },
  ]);
  await writeFile(json, '{\n  "lambda": 1.1,\n  "lambda": 2\n}\n');
  await expect(readConfigFile(json)).rejects.toThrow(
    /c\.json:3:3: not YAML: the key "lambda" is here a second time/,
  );
});

it('follows aliases, and says where a key that is no text stands', async () => {
  expect(await read('alpha: &a 2\ngamma: *a\n? [x]\n: 3\n')).toMatchObject([
    { key: 'alpha', value: 2 },
    { key: 'gamma', value: 2 },
    { place: { line: 3, column: 3 } },
  ]);
});

it('says why a file cannot be read', async () => {
  await expect(readConfigFile(join(file, '..'))).rejects.toThrow(/cannot be read: a folder is there/);
});

it('takes an empty file as no options', async () => {
  expect(await read('')).toEqual([]);
});

it('names the places of syntax errors, a key given twice among them', async () => {
  await expect(read('lambda: 1\nlambda: 2\n')).rejects.toThrow(
    /c\.yaml:2:1: not YAML: the key "lambda" is here a second time/,
  );
  await expect(read('a: {b: 1, c: 2, b: 3}\n')).rejects.toThrow(/c\.yaml:1:17: .*the key "b" is here/);
  await expect(read('lambda: [1\nalpha: 2')).rejects.toThrow(/c\.yaml:\d:\d/);
  await expect(read('- lambda')).rejects.toThrow(/c\.yaml:1:1: expected options/);
  await expect(readConfigFile(join(file, '..', 'none.yaml'))).rejects.toMatchObject({
    code: 'FILE_NOT_FOUND',
  });
});

it('bounds what aliases unfold into, and says so', async () => {
  const level = (name: string, of: string): string =>
    `${name}: &${name} [${Array(10).fill(of).join(', ')}]\n`;
  const bomb =
    level('a', '1') + ['b', 'c', 'd', 'e'].map((name, i) => level(name, `*${'abcd'[i]!}`)).join('');
  await expect(read(bomb)).rejects.toThrow(/c\.yaml:\d+:\d+: aliases .* unfold[^]*Write the values out/);
  const merged = 'x: &x { a: 1 }\ny: { <<: *x }\n';
  expect(await read(merged)).toHaveLength(2);
  await expect(read('x: *nothing\n')).rejects.toThrow(/c\.yaml:1:4: not YAML: Unresolved alias/);
});

it.each([
  ['a: 1\n---\nb: 2\n', /c\.yaml:2:1: not YAML: a second document begins here/],
  ['a: 1\n...\n---\nb: 2\n---\nc: 3\n', /a second document begins here/],
  [`a: ${'['.repeat(100_000)}`, /c\.yaml:1:\d+: not YAML: .*nested too deeply/],
  [`a: ${'['.repeat(9000)}${']'.repeat(9000)}\n`, /nested too deeply/],
])('talks of the file, not of its reader', async (text, message) => {
  const error: Error = await read(text).then(
    () => expect.unreachable(),
    (cause: unknown) => cause as Error,
  );
  expect(error.message).toMatch(message);
  expect(error.message).not.toMatch(/YAML\.parse|call stack|ReferenceError/);
});

it('reads UTF-16 behind its mark, and refuses other encodings with the place', async () => {
  await writeFile(file, Buffer.from('\ufefflambda: 1.5\n', 'utf16le'));
  expect(await readConfigFile(file)).toMatchObject([{ key: 'lambda', value: 1.5 }]);
  await writeFile(file, Buffer.from('# f\xfcr\nlambda: 1.5\n', 'latin1'));
  await expect(readConfigFile(file)).rejects.toThrow(/c\.yaml:1: expected UTF-8 text, found the byte 0xfc/);
});
