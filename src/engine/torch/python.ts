// Which Python runs the worker, and where the worker's package lies. Starts nothing but the question what it has.
import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { WhetstoneError } from '../../errors.ts';

const pythonVariable = 'WHETSTONE_PYTHON';

/** `python`, else the variable's, else python3. */
export const pythonFor = (python: string | null | undefined): string =>
  python ?? (process.env[pythonVariable] || 'python3');

/** engines/torch of this installation. */
export function workerFolder(): string {
  for (let dir = dirname(fileURLToPath(import.meta.url)); ; dir = dirname(dir)) {
    const folder = join(dir, 'engines', 'torch');
    if (existsSync(join(folder, 'whetstone_torch', 'worker.py'))) return folder;
    if (dir === dirname(dir)) {
      throw new WhetstoneError(
        'TORCH_MISSING',
        'the folder engines/torch of this installation is not there',
        {
          hint: 'Install Whetstone again.',
        },
      );
    }
  }
}

/** What pip installs for the worker. */
const requirements: readonly string[] = [
  'torch>=2.6',
  'transformers>=4.51',
  'peft>=0.15',
  'safetensors>=0.4',
];

export const pipLine = (python: string): string =>
  `${python} -m pip install ${requirements.map((each) => `"${each}"`).join(' ')}`;

// Looks packages up without importing them: that alone takes PyTorch seconds.
const question = `
import json, sys
from importlib import metadata
def version(name):
    try: return metadata.version(name)
    except metadata.PackageNotFoundError: return None
print(json.dumps({"version": sys.version.split()[0], "packages": {name: version(name) for name in sys.argv[1:]}}))
`;

const needed: readonly (readonly [string, number, number])[] = requirements.map((line) => {
  const [name, version] = line.split('>=') as [string, string];
  const [major, minor] = version.split('.').map(Number) as [number, number];
  return [name, major, minor];
});

const isOlder = (version: string, major: number, minor: number): boolean => {
  const [a = 0, b = 0] = version.split('.').map((part) => Number.parseInt(part, 10));
  return a < major || (a === major && b < minor);
};

/** Why this Python cannot run the worker; null where it can. */
export async function problemOfPython(python: string): Promise<string | null> {
  let found: { readonly version: string; readonly packages: Readonly<Record<string, string | null>> };
  try {
    const asked = ['-c', question, ...needed.map(([name]) => name)];
    const { stdout } = await promisify(execFile)(python, asked, { timeout: 120_000 });
    found = JSON.parse(stdout) as typeof found;
  } catch (error) {
    const { code, stderr } = error as { code?: unknown; stderr?: string };
    const last = stderr?.trim().split('\n').at(-1);
    return code === 'ENOENT' ? `there is no ${python}` : `${python} does not run: ${last || String(code)}`;
  }
  if (isOlder(found.version, 3, 10)) return `Python ${found.version} is older than 3.10`;
  const wrong = needed.flatMap(([name, major, minor]) => {
    const version = found.packages[name];
    if (!version) return [`${name} is missing`];
    return isOlder(version, major, minor) ? [`${name} ${version} is older than ${major}.${minor}`] : [];
  });
  return wrong.length === 0 ? null : wrong.join(', ');
}
