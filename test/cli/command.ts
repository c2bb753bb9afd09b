// Builds the command line once for all test files and runs it as a child process, as a user would, or within this one,
// which spares the start of a process. `fake` puts the stand-in engine behind it; options for it travel in FAKE_ENGINE.
import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { build } from 'tsdown';
import { builtOnce } from './shared-build.ts';
import type { Engine, runHere } from './here.ts';

interface Here {
  readonly runHere: typeof runHere;
}

const root = join(dirname(fileURLToPath(import.meta.url)), '..', '..');

export interface Cli {
  /** Runs to the end. */
  run(args: readonly string[], options?: RunOptions): Promise<Finished>;
  /**
   * The same built program in this process, one call after another. For what a verb says and writes; standard input,
   * signals and the end of a process are for `run`.
   */
  call(args: readonly string[], options?: RunOptions): Promise<Finished>;
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

export async function buildCli(engine: Engine): Promise<Cli> {
  const outDir = await builtPrograms();
  const main = join(outDir, `${engine}.js`);
  const start: Cli['start'] = (args, { env = {}, cwd } = {}) => {
    const child = spawn(process.execPath, [main, ...args], {
      cwd,
      env: { ...process.env, ...plain, ...env },
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
  const call: Cli['call'] = async (args, { env = {}, cwd } = {}) => {
    const here = (await import(/* @vite-ignore */ join(outDir, 'here.js'))) as Here;
    return inTurn(() => placed({ env: { ...plain, ...env }, cwd }, () => here.runHere(engine, args)));
  };
  return {
    start,
    main,
    call,
    run: (args, options) => start(args, options).finished,
    remove: () => Promise.resolve(),
  };
}

/** Without colours, whatever the terminal of the tests has. */
const plain = { NO_COLOR: '1', FORCE_COLOR: undefined };

let turn: Promise<unknown> = Promise.resolve();

/** Starts `work` when what was started before has ended. */
function inTurn<T>(work: () => Promise<T>): Promise<T> {
  const mine = turn.then(work);
  turn = mine.catch(() => undefined);
  return mine;
}

/** `work` in a working directory and an environment, which are the process's own again afterwards. */
async function placed<T>(
  { env, cwd }: { env: Readonly<Record<string, string | undefined>>; cwd: string | undefined },
  work: () => Promise<T>,
): Promise<T> {
  const before = {
    cwd: process.cwd(),
    env: Object.keys(env).map((name) => [name, process.env[name]] as const),
  };
  const set = (name: string, value: string | undefined): void => {
    if (value === undefined) delete process.env[name];
    else process.env[name] = value;
  };
  try {
    if (cwd !== undefined) process.chdir(cwd);
    for (const [name, value] of Object.entries(env)) set(name, value);
    return await work();
  } finally {
    process.chdir(before.cwd);
    for (const [name, value] of before.env) set(name, value);
  }
}

/** The folder of the programs. */
const builtPrograms = (): Promise<string> =>
  builtOnce('cli', (outDir) =>
    build({
      cwd: root,
      config: false,
      entry: {
        ...{ real: 'bin/whetstone.ts', fake: 'test/cli/fake-main.ts', here: 'test/cli/here.ts' },
        'short-of-memory': 'test/faults/short-of-memory.ts',
      },
      format: 'esm',
      platform: 'node',
      target: 'node20',
      dts: false,
      fixedExtension: false,
      outDir,
      logLevel: 'error',
    }),
  );
