// Files that `whetstone export` writes, read by llama.cpp: npm run test:llama [-- vitest options]. node-llama-cpp is
// installed into .llama where it is not there; says in one line why where it cannot be.
import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, writeFileSync } from 'node:fs';

const shell = process.platform === 'win32';
const run = (command, args, options) => spawnSync(command, args, { shell, ...options }).status;
const folder = '.llama';
const wanted = 'node-llama-cpp@3.22.1';
if (!existsSync(`${folder}/node_modules/node-llama-cpp`)) {
  mkdirSync(folder, { recursive: true });
  writeFileSync(`${folder}/package.json`, '{ "private": true }\n');
  const args = ['install', '--ignore-scripts', '--no-audit', '--no-fund', '--silent', wanted];
  if (run('npm', args, { cwd: folder, stdio: 'ignore' }) !== 0) {
    console.log(`GGUF files were not read by llama.cpp: ${wanted} cannot be installed here.`);
    process.exit(0);
  }
}
const env = { ...process.env, WHETSTONE_TEST_LLAMA: folder };
process.exit(
  run('npx', ['vitest', 'run', 'test/export', ...process.argv.slice(2)], { stdio: 'inherit', env }) ?? 1,
);
