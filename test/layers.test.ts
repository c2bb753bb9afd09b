// ARCHITECTURE.md's order of layers, held to the imports: every folder of src/ knows only those above it, and every
// folder of the repository has its line there.
import { readFileSync, readdirSync } from 'node:fs';
import { join, posix } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';

const root = fileURLToPath(new URL('..', import.meta.url));
const page = readFileSync(join(root, 'ARCHITECTURE.md'), 'utf8');
const named = [...page.matchAll(/^(src\/[\w.-]+) +\S/gm)].map(([, path]) => path!);

const isTest = (file: string): boolean => /(\.test|\.test-helper|test-tokenizers)\.ts$/.test(file);
const sources = readdirSync(join(root, 'src'), { recursive: true, encoding: 'utf8' })
  .map((file) => posix.join('src', file.replaceAll('\\', '/')))
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
  it('names every folder of src/', () => {
    const folders = readdirSync(join(root, 'src')).filter((name) => !name.endsWith('.test.ts'));
    expect([...named].sort()).toEqual(folders.map((name) => `src/${name}`).sort());
  });

  it.each(sources.filter((file) => file !== 'src/index.ts'))('%s imports only layers above it', (file) => {
    const below = importsOf(file).filter((other) => layerOf(other) > layerOf(file) || layerOf(other) < 0);
    expect(below).toEqual([]);
  });

  it('names every other folder', () => {
    const folders = readdirSync(root, { withFileTypes: true })
      .filter((entry) => entry.isDirectory() && !entry.name.startsWith('.'))
      .map(({ name }) => name)
      .filter((name) => !['src', 'node_modules', 'dist', 'coverage', 'runs'].includes(name));
    for (const folder of folders) expect(page).toMatch(new RegExp(`^${folder}/`, 'm'));
  });
});
