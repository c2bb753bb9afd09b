// Runs a TypeScript file of this repository: node scripts/run-ts.mjs bench/step.bench.ts [arguments]
// Node 20 does not strip types, so the file is bundled into .bench/ first; packages stay where they are.
import { spawnSync } from 'node:child_process';
import { basename, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { rolldown } from 'rolldown';

const [file, ...args] = process.argv.slice(2);
if (!file) {
  console.error('usage: node scripts/run-ts.mjs FILE.ts [arguments]');
  process.exit(2);
}
const root = join(fileURLToPath(new URL('..', import.meta.url)));
const out = join(root, '.bench', `${basename(file, '.ts')}.mjs`);
const bundle = await rolldown({
  input: file,
  platform: 'node',
  external: (id) => !id.startsWith('.') && !id.startsWith('/'),
});
await bundle.write({ file: out, format: 'esm', codeSplitting: false });
await bundle.close();
process.exit(spawnSync(process.execPath, [out, ...args], { stdio: 'inherit' }).status ?? 1);
