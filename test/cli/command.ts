// Builds the command line once for all test files and runs it as a child process, as a user would.
// `fake` puts the stand-in engine behind it; options for it travel in FAKE_ENGINE.
import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { setTimeout as sleep } from 'node:timers/promises';
import { build } from 'tsdown';
import { exists } from '../../src/durable/files.ts';
import { buildFolder } from './shared-build.ts';

const root = join(dirname(fileURLToPath(import.meta.url)), '..', '..');

export interface Cli {
  /** Runs to the end. */
  run(args: readonly string[], options?: RunOptions): Promise<Finished>;
  /** Starts and leaves it to the test when it ends. */
  start(args: readonly string[], options?: RunOptions): { child: ChildProcess; finished: Promise<Finished> };
  /** The built program. */
  readonly main: string;
  /** Says that a test file is done with it. What was built serves the others, and goes with the run. */
  remove(): Promise<void>;
}

export interface RunOptions {
  readonly env?: Readonly<Record<string, string>>;
  readonly cwd?: string;
}

export interface Finished {
  /** Null if a signal ended it. */
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** An event of --json. */
export type Event = Readonly<Record<string, unknown>> & { readonly type: string };

/** What a program reads of a stream; throws where a line is no event. */
export const eventsIn = (stream: string): Event[] =>
  stream
    .split('\n')
    .slice(0, -1)
    .map((line) => {
      const event = JSON.parse(line) as Partial<Event> | null;
      if (typeof event?.type !== 'string') throw new Error(`no event: ${line}`);
      return event as Event;
    });

/** The events of a kind. */
export const eventsOf = (stream: string, type: string): Event[] =>
  eventsIn(stream).filter((event) => event.type === type);

export async function buildCli(engine: 'real' | 'fake'): Promise<Cli> {
  const outDir = await builtOnce(engine);
  const start: Cli['start'] = (args, { env = {}, cwd } = {}) => {
    const child = spawn(process.execPath, [join(outDir, 'main.js'), ...args], {
      cwd,
      env: { ...process.env, NO_COLOR: '1', FORCE_COLOR: undefined, ...env },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    let stdout = '';
    let stderr = '';
    child.stdout.setEncoding('utf8').on('data', (text: string) => (stdout += text));
    child.stderr.setEncoding('utf8').on('data', (text: string) => (stderr += text));
    const finished = new Promise<Finished>((resolve, reject) => {
      child.on('error', reject);
      child.on('close', (code) => resolve({ code, stdout, stderr }));
    });
    return { child, finished };
  };
  return {
    start,
    main: join(outDir, 'main.js'),
    run: (args, options) => start(args, options).finished,
    remove: () => Promise.resolve(),
  };
}

/** The folder of a program that the first test file to ask for it builds, and the others wait for. */
async function builtOnce(engine: 'real' | 'fake'): Promise<string> {
  const outDir = join(process.env[buildFolder]!, engine);
  const [whole, broken] = ['whole', 'broken'].map((name) => `${outDir}.${name}`) as [string, string];
  const isFirst = await mkdir(outDir).then(
    () => true,
    () => false,
  );
  if (isFirst) {
    const entry = engine === 'real' ? 'bin/whetstone.ts' : 'test/cli/fake-main.ts';
    try {
      await build({
        cwd: root,
        config: false,
        entry: { main: entry },
        format: 'esm',
        platform: 'node',
        target: 'node20',
        dts: false,
        fixedExtension: false,
        outDir,
        logLevel: 'error',
      });
    } catch (error) {
      await writeFile(broken, String(error));
      throw error;
    }
    await writeFile(whole, '');
  }
  while (!(await exists(whole))) {
    if (await exists(broken)) throw new Error(await readFile(broken, 'utf8'));
    await sleep(50);
  }
  return outDir;
}
