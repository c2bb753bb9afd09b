// The suite of the engine on PyTorch: npm run test:torch [-- vitest options], pytest of the package first. The Python is that of
// WHETSTONE_PYTHON, else one in a virtual environment that is made in .torch; says in one line why where there is none.
import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { resolve } from 'node:path';

const run = (command, args, stdio = 'ignore') => spawnSync(command, args, { stdio }).status === 0;
const windows = process.platform === 'win32';
const own = resolve(windows ? '.torch\\Scripts\\python.exe' : '.torch/bin/python');
const packages = ['torch', 'transformers', 'peft', 'safetensors'];
const has = (python) => run(python, ['-c', packages.map((name) => `import ${name}`).join('; ')]);

function findPython() {
  const named = process.env.WHETSTONE_PYTHON;
  // Pytest runs in another folder.
  const given = named && /[\\/]/.test(named) ? resolve(named) : named;
  if (given) return has(given) ? given : null;
  if (existsSync(own) && has(own)) return own;
  const made = run(windows ? 'python' : 'python3', ['-m', 'venv', '.torch']);
  return made &&
    run(own, ['-m', 'pip', 'install', '--retries', '0', '--quiet', ...packages, 'pytest']) &&
    has(own)
    ? own
    : null;
}

const python = findPython();
if (python === null) {
  console.log(
    `The engine torch was not tested: no Python with ${packages.join(', ')} was found, nor could it be made.`,
  );
  process.exit(0);
}
// Several processes whose threads wait for each other by spinning slow each other down; the models are tiny.
const env = { OMP_NUM_THREADS: '1', ...process.env, WHETSTONE_TEST_PYTHON: python };
const shown = (command, args, options = {}) =>
  spawnSync(command, args, { stdio: 'inherit', env, ...options }).status ?? 1;
const pytest = ['-m', 'pytest', '-q', '-p', 'no:cacheprovider'];
let failed = 0;
if (run(python, ['-c', 'import pytest'])) failed = shown(python, pytest, { cwd: 'engines/torch' });
else console.log(`The tests of engines/torch did not run: ${python} has no pytest.`);
const vitest = ['vitest', 'run', 'test/torch', ...process.argv.slice(2)];
process.exit(shown('npx', vitest, { shell: windows }) || failed);
