// The worker's processes on this machine: started through torchrun, joined over a socket in a private folder, and ended
// together with this process however it ends. Knows no operation.
import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { readFile, readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { folderInTemporary, temporaryFolder } from '../../durable/temporary.ts';
import { WhetstoneError } from '../../errors.ts';
import type { Connection } from './connection.ts';
import { openConnection } from './connection.ts';
import { tokenVariable } from './frames.ts';
import { problemOfPython, pipLine, workerFolder } from './python.ts';

export interface WorkerSettings {
  readonly python: string;
  readonly nproc: number;
  /** How ranks are joined. */
  readonly deviceType: 'cpu' | 'cuda' | 'auto';
}

export interface Worker {
  readonly connection: Connection;
  /** What ended it, in words and with the last lines that it said; waits until the ranks have been looked at. */
  obituary(cause: unknown): Promise<WhetstoneError>;
  stop(): Promise<void>;
}

/** How long ranks may take to end after goodbye, in milliseconds. */
const patience = 4000;

/** Throws `TORCH_MISSING` where Python or its packages are not there, `TORCH_GONE` where the worker does not come up. */
export async function startWorker({ python, nproc, deviceType }: WorkerSettings): Promise<Worker> {
  const folder = await temporaryFolder('torch');
  const logs = join(folder, 'logs');
  await folderInTemporary(logs).catch(async (error: unknown) => {
    await rm(folder, { recursive: true, force: true }).catch(() => undefined);
    throw error;
  });
  const path = join(folder, 'rank0');
  const token = randomBytes(32).toString('hex');
  const args = ['-m', 'whetstone_torch.launch', '--nproc', String(nproc), '--device-type', deviceType];
  const child = spawn(python, [...args, '--listen', `unix:${path}`, '--logs', logs], {
    // A group of its own: an interrupt in the terminal is for this process, which finishes its step first.
    detached: true,
    stdio: ['pipe', 'pipe', 'pipe'],
    env: {
      ...process.env,
      [tokenVariable]: token,
      PYTHONPATH: [workerFolder(), process.env.PYTHONPATH].filter(Boolean).join(':'),
      PYTHONUNBUFFERED: '1',
      TOKENIZERS_PARALLELISM: 'false',
      HF_HUB_OFFLINE: '1',
    },
  });
  const life = follow(child);
  const clean = async (): Promise<void> => {
    // Closing its input makes the launcher kill what it started.
    child.stdin.end();
    await Promise.race([life.ended, after(patience)]);
    killGroup(child);
    await life.ended;
    await rm(folder, { recursive: true, force: true }).catch(() => undefined);
  };
  const obituary = async (cause: unknown): Promise<WhetstoneError> => {
    await Promise.race([life.ended, after(2 * patience)]);
    return death(await lastWords(logs, life), cause);
  };
  try {
    const connection = await untilReached(path, token, life);
    return {
      connection,
      obituary,
      stop: async () => {
        await Promise.race([connection.ask('bye').catch(() => undefined), after(patience)]);
        connection.close();
        await Promise.race([life.ended, after(patience)]);
        await clean();
      },
    };
  } catch (error) {
    const ended = life.isOver() ? await obituary(error) : null;
    await clean();
    const problem = await problemOfPython(python);
    if (problem !== null) throw missing(python, problem);
    throw ended ?? error;
  }
}

export const missing = (python: string, problem: string): WhetstoneError =>
  new WhetstoneError('TORCH_MISSING', `the engine torch cannot run: ${problem}`, {
    hint: `Install what it needs: ${pipLine(python)} (or name another Python with --python or WHETSTONE_PYTHON).`,
  });

interface Life {
  readonly ended: Promise<void>;
  readonly isOver: () => boolean;
  /** What the launcher said: reports of ranks that died, and its last errors. */
  readonly said: () => { out: string; err: string };
}

const mostSaid = 64 << 10;

function follow(child: ChildProcess): Life {
  let [out, err, over] = ['', '', false];
  child.stdout?.on('data', (chunk: Buffer) => (out = (out + chunk.toString()).slice(-mostSaid)));
  child.stderr?.on('data', (chunk: Buffer) => (err = (err + chunk.toString()).slice(-mostSaid)));
  child.stdin?.on('error', () => undefined);
  const ended = new Promise<void>((resolve) => {
    const finish = (): void => {
      over = true;
      resolve();
    };
    child.once('error', (error) => {
      err += error.message;
      finish();
    });
    child.once('exit', finish);
  });
  return { ended, isOver: () => over, said: () => ({ out, err }) };
}

/** Imports take a while, and on a busy machine a long while; as long as the launcher lives they are under way. */
async function untilReached(path: string, token: string, life: Life): Promise<Connection> {
  for (;;) {
    try {
      return await openConnection({ path }, token);
    } catch (error) {
      const { code } = error as NodeJS.ErrnoException;
      if (code !== 'ENOENT' && code !== 'ECONNREFUSED') throw error;
      if (life.isOver()) throw error;
    }
    await Promise.race([life.ended, after(50)]);
  }
}

const after = (milliseconds: number): Promise<void> =>
  new Promise((resolve) => setTimeout(resolve, milliseconds).unref());

/** Ranks that torchrun put into groups of their own see that their parent is gone. */
function killGroup({ pid }: ChildProcess): void {
  if (pid === undefined) return;
  try {
    process.kill(-pid, 'SIGKILL');
  } catch {
    // It is gone already.
  }
}

interface LastWords {
  /** Null where the launcher itself went. */
  readonly rank: number | null;
  readonly exitCode: number | null;
  readonly lines: string;
}

const wordsKept = 12;

async function lastWords(logs: string, life: Life): Promise<LastWords> {
  const { out, err } = life.said();
  const report = out
    .split('\n')
    .flatMap((line): { rank?: number; exit_code?: number }[] => {
      try {
        return [JSON.parse(line) as { rank?: number; exit_code?: number }];
      } catch {
        return [];
      }
    })
    .find(({ rank }) => typeof rank === 'number');
  const rank = report?.rank ?? null;
  const text = rank === null ? err : await logOf(logs, rank);
  return { rank, exitCode: report?.exit_code ?? null, lines: lastLines(text) };
}

const lastLines = (text: string): string =>
  text
    .split('\n')
    .filter((line) => line.trim() !== '')
    .slice(-wordsKept)
    .map((line) => line.slice(0, 300))
    .join('\n');

async function logOf(logs: string, rank: number): Promise<string> {
  const names = await readdir(logs, { recursive: true }).catch(() => []);
  const name = names.find((each) => new RegExp(`(^|/)${rank}/stderr\\.log$`).test(each));
  return name === undefined ? '' : readFile(join(logs, name), 'utf8').catch(() => '');
}

function death({ rank, exitCode, lines }: LastWords, cause: unknown): WhetstoneError {
  const who = rank === null ? 'the worker' : `rank ${rank} of the worker`;
  const how =
    exitCode === null
      ? 'ended'
      : exitCode < 0
        ? `was killed by signal ${-exitCode}`
        : `ended with exit code ${exitCode}`;
  const words = lines === '' ? 'It said nothing.' : `Its last words:\n${lines}\n`;
  const killed = exitCode === -9 ? ' The system kills so what takes too much memory.' : '';
  return new WhetstoneError('TORCH_GONE', `${who} ${how}`, {
    hint: `${words}${killed} A run goes on from its last checkpoint with --resume.`.trim(),
    cause,
  });
}
