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

const torchQuestion = `
import json, torch
import torch.distributed as dist
there = torch.cuda.is_available()
backends = [name for name in ("gloo", "nccl") if dist.is_available() and getattr(dist, f"is_{name}_available")()]
devices = [torch.cuda.get_device_name(i) for i in range(torch.cuda.device_count())] if there else []
print(json.dumps({"devices": devices, "cuda": torch.version.cuda, "backends": backends}))
`;

/** Needed for weights in few bits on GPUs alone. */
const useful: readonly string[] = ['bitsandbytes'];

const needed: readonly (readonly [string, number, number])[] = requirements.map((line) => {
  const [name, version] = line.split('>=') as [string, string];
  const [major, minor] = version.split('.').map(Number) as [number, number];
  return [name, major, minor];
});

const isOlder = (version: string, major: number, minor: number): boolean => {
  const [a = 0, b = 0] = version.split('.').map((part) => Number.parseInt(part, 10));
  return a < major || (a === major && b < minor);
};

/** What a Python has of what the worker needs. */
export interface PythonFound {
  readonly version: string;
  /** Versions by package; null where it is not there. */
  readonly packages: Readonly<Record<string, string | null>>;
}

/** Looks without importing anything. Says in words why it does not run where it does not. */
export async function lookAtPython(python: string): Promise<PythonFound | string> {
  return askPython<PythonFound>(python, question, [...needed.map(([name]) => name), ...useful]);
}

/** What PyTorch says of this machine. */
export interface TorchFound {
  /** Names of its GPUs. */
  readonly devices: readonly string[];
  /** The CUDA that it was built for; null for a PyTorch without. */
  readonly cuda: string | null;
  /** How ranks can talk with each other: gloo, nccl. */
  readonly backends: readonly string[];
}

/** Imports PyTorch, which takes seconds. */
export const lookAtTorch = (python: string): Promise<TorchFound | string> =>
  askPython<TorchFound>(python, torchQuestion, []);

async function askPython<T>(python: string, program: string, args: readonly string[]): Promise<T | string> {
  try {
    const { stdout } = await promisify(execFile)(python, ['-c', program, ...args], { timeout: 120_000 });
    return JSON.parse(stdout.trim().split('\n').at(-1)!) as T;
  } catch (error) {
    const { code, stderr } = error as { code?: unknown; stderr?: string };
    const last = stderr?.trim().split('\n').at(-1);
    return code === 'ENOENT' ? `there is no ${python}` : `${python} does not run: ${last || String(code)}`;
  }
}

/** Why this Python cannot run the worker; null where it can. */
export async function problemOfPython(python: string): Promise<string | null> {
  const found = await lookAtPython(python);
  return typeof found === 'string' ? found : problemIn(found);
}

/** What of it is missing or too old; null where nothing is. */
export function problemIn(found: PythonFound): string | null {
  if (isOlder(found.version, 3, 10)) return `Python ${found.version} is older than 3.10`;
  const wrong = needed.flatMap(([name, major, minor]) => {
    const version = found.packages[name];
    if (!version) return [`${name} is missing`];
    return isOlder(version, major, minor) ? [`${name} ${version} is older than ${major}.${minor}`] : [];
  });
  return wrong.length === 0 ? null : wrong.join(', ');
}
