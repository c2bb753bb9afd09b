// The command line within the process that asks: the built program without the start of a process.
import { fileURLToPath } from 'node:url';
import { workerVerbName } from '../../lab/cli/reproduce.ts';
import { labVerbs } from '../../lab/cli/verbs.ts';
import { main } from '../../src/cli/program.ts';
import type { Finished } from './command.ts';
import { openFromEnvironment } from './fake-open.ts';

export type Engine = 'real' | 'fake';

export async function runHere(engine: Engine, args: readonly string[]): Promise<Finished> {
  let stdout = '';
  let stderr = '';
  const streams = {
    stdout: { write: (text: string) => void (stdout += text) },
    stderr: { write: (text: string) => void (stderr += text) },
  };
  const program = fileURLToPath(new URL('./real.js', import.meta.url));
  const code =
    engine === 'fake'
      ? await main(args, { ...streams, openEngine: openFromEnvironment }, labVerbs())
      : await main(args, streams, labVerbs({ file: program, args: [workerVerbName] }));
  return { code, stdout, stderr };
}
