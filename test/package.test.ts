// What npm would publish: the pages that its own pages point at are among it, and nothing that only the project needs.
import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { dirname, join, posix } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, it } from 'vitest';

const root = join(dirname(fileURLToPath(import.meta.url)), '..');
const [{ files }] = JSON.parse(
  execFileSync('npm', ['pack', '--dry-run', '--json', '--ignore-scripts'], {
    cwd: root,
    encoding: 'utf8',
    shell: process.platform === 'win32',
    stdio: ['ignore', 'pipe', 'ignore'],
  }),
) as [{ files: { path: string }[] }];
const packed = new Set(files.map(({ path }) => path));
const isThere = (path: string): boolean =>
  packed.has(path) || [...packed].some((file) => file.startsWith(`${path}/`));

it.each([...packed].filter((path) => path.endsWith('.md')))('%s points at what is in the package', (page) => {
  const text = readFileSync(join(root, page), 'utf8').replace(/```[^]*?```|`[^`\n]*`/g, '');
  const links = [...text.matchAll(/\]\(([^)\s]+)\)/g)].map(([, link]) => link!.replace(/#.*$/, ''));
  const own = links.filter((link) => link !== '' && !/^[a-z]+:/.test(link));
  const targets = own.map((link) => posix.join(posix.dirname(page), link).replace(/\/$/, ''));
  expect(targets.filter((target) => !isThere(target))).toEqual([]);
});

it('has the licence and no sources, tests or folders of runs', () => {
  expect(packed).toContain('LICENSE');
  expect(packed).toContain('README.md');
  const others = [...packed].filter((path) => /^(?:src|lab|runs|node_modules)\/|\.test\.ts$/.test(path));
  expect(others).toEqual([]);
});
