// Programs that are compared by taking turns: each a process that answers a line of JSON on its input with one on its
// output. Knows nothing of what they compute.
import { spawn } from 'node:child_process';
import { loadavg } from 'node:os';
import { createInterface } from 'node:readline';

export interface Side<Work, Answer> {
  readonly name: string;
  ask(work: Work): Promise<Answer>;
  stop(): void;
}

/** Starts a side, which is open when its first line has come. Throws where it ends before it answers. */
export async function openSide<Work, Answer>(
  name: string,
  command: readonly string[],
): Promise<Side<Work, Answer>> {
  const child = spawn(command[0]!, command.slice(1), { stdio: ['pipe', 'pipe', 'pipe'] });
  let said = '';
  child.stderr.on('data', (part: Buffer) => (said = (said + part.toString()).slice(-2000)));
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  const next = async (): Promise<unknown> => {
    for (;;) {
      const { value } = (await lines.next()) as { value: string | undefined };
      if (value === undefined) throw new Error(`${name} ended: ${said.trim()}`);
      if (/^[[{]/.test(value)) return JSON.parse(value);
    }
  };
  await next();
  return {
    name,
    ask: async (work) => {
      child.stdin.write(`${JSON.stringify(work)}\n`);
      return (await next()) as Answer;
    },
    stop: () => void child.stdin.end(),
  };
}

/** The side whose turn it is: who is first in one round is last in the next. */
export const turnOf = <T>(sides: readonly T[], round: number): T[] =>
  sides.map((_, i) => sides[(i + round) % sides.length]!);

export const median = (list: readonly number[]): number =>
  [...list].sort((a, b) => a - b)[Math.floor(list.length / 2)]!;

/** What else the machine does: processes that want to run, by the last minute's mean. */
export const load = (): number => loadavg()[0]!;
