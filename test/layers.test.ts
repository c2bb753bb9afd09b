// ARCHITECTURE.md's order of layers, held to the imports: every folder of src/, lab/ and bin/ knows only those above it,
// and every folder of the repository has its line there.
import { readFileSync, readdirSync } from 'node:fs';
import { join, posix } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';

const root = fileURLToPath(new URL('..', import.meta.url));
const page = readFileSync(join(root, 'ARCHITECTURE.md'), 'utf8');
const named = [...page.matchAll(/^((?:src|lab)\/[\w.-]+|bin) +\S/gm)].map(([, path]) => path!);

const isTest = (file: string): boolean => /(\.test|\.test-helper|test-tokenizers)\.ts$/.test(file);
const sources = ['src', 'lab', 'bin']
  .flatMap((folder) =>
    readdirSync(join(root, folder), { recursive: true, encoding: 'utf8' }).map((file) =>
      posix.join(folder, file.replaceAll('\\', '/')),
    ),
  )
  .filter((file) => file.endsWith('.ts') && !isTest(file));

const layerOf = (file: string): number =>
  named.findIndex((path) => file === path || file.startsWith(`${path}/`));

function importsOf(file: string): string[] {
  const text = readFileSync(join(root, file), 'utf8');
  return [...text.matchAll(/(?:from|import\()\s*'(\.[^']+)'/g)].map(([, path]) =>
    posix.join(posix.dirname(file), path!),
  );
}

describe('ARCHITECTURE.md', () => {
  it('names every folder of src/ and lab/', () => {
    const folders = ['src', 'lab'].flatMap((parent) =>
      readdirSync(join(root, parent))
        .filter((name) => !name.endsWith('.test.ts'))
        .map((name) => `${parent}/${name}`),
    );
    expect([...named].sort()).toEqual([...folders, 'bin'].sort());
  });

  it.each(sources.filter((file) => file !== 'src/index.ts'))('%s imports only layers above it', (file) => {
    const below = importsOf(file).filter((other) => layerOf(other) > layerOf(file) || layerOf(other) < 0);
    expect(below).toEqual([]);
  });

  it('names every other folder', () => {
    const folders = readdirSync(root, { withFileTypes: true })
      .filter((entry) => entry.isDirectory() && !entry.name.startsWith('.'))
      .map(({ name }) => name)
      .filter((name) => !['src', 'lab', 'bin', 'node_modules', 'dist', 'coverage', 'runs'].includes(name));
    for (const folder of folders) expect(page).toMatch(new RegExp(`^${folder}/`, 'm'));
  });
});
