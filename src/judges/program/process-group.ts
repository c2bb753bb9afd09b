// A shell command with everything that it starts, as one thing that can be ended. Knows no protocol.
import { spawn } from 'node:child_process';
import type { ChildProcessWithoutNullStreams } from 'node:child_process';
import { setTimeout as sleep } from 'node:timers/promises';
import { hasCode } from '../../durable/files.ts';

export interface ProcessGroup {
  readonly child: ChildProcessWithoutNullStreams;
  /** Resolves when the shell has ended, or could not be started. */
  readonly ended: Promise<Ending>;
  /** Resolves when its pipes are closed as well, by all that hold them. */
  readonly closed: Promise<unknown>;
  /** Asks every process of the group to end. */
  askToEnd(): void;
  /** Asks likewise and, after a moment, makes them. Resolves when they were made to. */
  end(): Promise<void>;
}

/** An exit code, or the signal that ended the shell. */
export interface Ending {
  readonly code: number | null;
  readonly signal: string | null;
}

const graceMilliseconds = 1000;

/**
 * Runs `command` through `sh -c` (cmd.exe on Windows) in a process group of its own, so that a Ctrl+C of the terminal
 * does not reach it. What is left of the group when this process exits is killed.
 */
export function startGroup(command: string, cwd?: string): ProcessGroup {
  const windows = process.platform === 'win32';
  const child = spawn(command, {
    ...(cwd !== undefined && { cwd }),
    shell: true,
    detached: !windows,
    windowsHide: true,
    stdio: ['pipe', 'pipe', 'pipe'],
  });
  const send = (signal: 'SIGTERM' | 'SIGKILL'): void => {
    if (child.pid === undefined) return;
    if (windows) {
      spawn('taskkill', ['/pid', String(child.pid), '/T', '/F'], { stdio: 'ignore' }).on('error', () => {});
      return;
    }
    try {
      process.kill(-child.pid, signal);
    } catch (error) {
      if (!hasCode(error, 'ESRCH') && !hasCode(error, 'EPERM')) throw error;
    }
  };
  const atExit = (): void => send('SIGKILL');
  process.on('exit', atExit);
  const ended = new Promise<Ending>((resolve) => {
    // No shell, or no such folder: as if it had ended at once, in the way that shells report a missing program.
    child.on('error', () => resolve({ code: 127, signal: null }));
    child.on('exit', (code, signal) => resolve({ code, signal }));
  });
  // Pipes that break are told of by how the command ends.
  for (const stream of [child.stdin, child.stdout, child.stderr]) stream.on('error', () => {});
  const closed = new Promise<boolean>((resolve) => void child.on('close', () => resolve(true)));
  let ending: Promise<void> | undefined;
  const end = async (): Promise<void> => {
    send('SIGTERM');
    const gone = await Promise.race([closed, sleep(graceMilliseconds, false, { ref: false })]);
    // The group may outlive the shell and its pipes.
    send('SIGKILL');
    if (!gone) await ended;
    process.off('exit', atExit);
    for (const stream of [child.stdin, child.stdout, child.stderr]) stream.destroy();
  };
  return { child, ended, closed, askToEnd: () => send('SIGTERM'), end: () => (ending ??= end()) };
}
