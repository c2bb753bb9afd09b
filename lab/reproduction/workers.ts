// Runs experiments in this process or in several child processes, since one small model keeps one core busy.
// Knows messages; what an experiment is, is the bench's business.
import { fork } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { WhetstoneError } from '../../src/errors.ts';
import type { Experiment, Result } from './experiment.ts';
import type { BenchSetup } from './open-bench.ts';
import { openBench } from './open-bench.ts';
import { runExperiment } from './run-experiment.ts';
import type { Runner } from './schedule.ts';

/** How to start a process that calls `serveExperiments`. */
export interface WorkerCommand {
  readonly file: string;
  readonly args: readonly string[];
}

type Request =
  | { readonly kind: 'setup'; readonly setup: BenchSetup }
  | { readonly kind: 'run'; readonly experiment: Experiment };

type Reply =
  | { readonly kind: 'result'; readonly result: Result }
  | {
      readonly kind: 'error';
      readonly code: string | null;
      readonly message: string;
      readonly stack: string;
    };

/** One runner in this process. */
export async function inProcess(setup: BenchSetup, signal?: AbortSignal): Promise<Runner> {
  const bench = await openBench(setup, signal);
  return { run: (experiment) => runExperiment(experiment, bench), stop: () => Promise.resolve() };
}

/**
 * A runner in a process of its own. It throws what the experiment throws, and `WORKER_DIED` if the process ends in
 * the middle of one, for instance because memory ran out.
 */
export function inChild({ file, args }: WorkerCommand, setup: BenchSetup, signal?: AbortSignal): Runner {
  const child = fork(file, [...args], { stdio: ['ignore', 'inherit', 'inherit', 'ipc'], execArgv: [] });
  const stop = (): void => void child.kill();
  signal?.addEventListener('abort', stop, { once: true });
  const exited = new Promise<void>((resolve) => child.once('exit', () => resolve()));
  send(child, { kind: 'setup', setup });
  return {
    run: async <E extends Experiment>(experiment: E): Promise<Result<E>> => {
      const reply = await ask(child, { kind: 'run', experiment }, signal);
      if (reply.kind === 'result') return reply.result as Result<E>;
      if (reply.code !== null) throw new WhetstoneError(reply.code, reply.message);
      throw Object.assign(new Error(reply.message), { stack: reply.stack });
    },
    stop: async () => {
      signal?.removeEventListener('abort', stop);
      if (child.connected) child.disconnect();
      await exited;
    },
  };
}

function ask(child: ChildProcess, request: Request, signal?: AbortSignal): Promise<Reply> {
  return new Promise((resolve, reject) => {
    const onMessage = (message: unknown): void => {
      child.off('exit', onExit);
      resolve(message as Reply);
    };
    const onExit = (code: number | null, killedBy: string | null): void => {
      child.off('message', onMessage);
      if (signal?.aborted) reject(signal.reason as Error);
      else {
        const how = killedBy === null ? `with exit code ${code}` : `by ${killedBy}`;
        reject(
          new WhetstoneError('WORKER_DIED', `a process that computed an experiment ended ${how}`, {
            hint: 'What was computed before is kept; try again with --jobs 1, which shows what went wrong.',
          }),
        );
      }
    };
    child.once('message', onMessage);
    child.once('exit', onExit);
    if (child.exitCode !== null || child.signalCode !== null) onExit(child.exitCode, child.signalCode);
    else send(child, request);
  });
}

/** A process that is gone says so by its exit, so a failed send needs no words. */
const send = (child: ChildProcess, request: Request): void => void child.send(request, () => undefined);

/** The other side: answers requests of the parent process until it disconnects. */
export async function serveExperiments(): Promise<void> {
  let bench: Awaited<ReturnType<typeof openBench>> | undefined;
  let last = Promise.resolve();
  // A terminal's Ctrl+C reaches every process; the parent decides what becomes of it.
  for (const name of ['SIGINT', 'SIGHUP'] as const) process.on(name, () => undefined);
  process.on('message', (request: Request) => {
    last = last.then(async () => {
      if (request.kind === 'setup') {
        bench = await openBench(request.setup);
        return;
      }
      process.send!(await answer(request.experiment, bench!));
    });
  });
  await new Promise<void>((resolve) => process.once('disconnect', () => resolve()));
  // Nobody waits for what is under way.
  process.exit(0);
}

async function answer(experiment: Experiment, bench: Awaited<ReturnType<typeof openBench>>): Promise<Reply> {
  try {
    return { kind: 'result', result: await runExperiment(experiment, bench) };
  } catch (error) {
    const { message, stack = '' } = error instanceof Error ? error : new Error(String(error));
    return { kind: 'error', code: error instanceof WhetstoneError ? error.code : null, message, stack };
  }
}
