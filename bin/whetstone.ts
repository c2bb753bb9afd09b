#!/usr/bin/env node
// The whetstone command: the verbs of src/cli, and those of the lab.
import { fileURLToPath } from 'node:url';
import { defaultContext, main } from '../src/cli/program.ts';
import { workerVerbName } from '../lab/cli/reproduce.ts';
import { reasonOf } from '../src/words/system-errors.ts';
import { labVerbs } from '../lab/cli/verbs.ts';

/** Verbs that are read by a person or a pipe; the others leave files, and go on when nobody reads any more. */
const spoken = new Set(['score', 'generate', 'data', 'help']);
const args = process.argv.slice(2);
const verb = args.find((arg) => !arg.startsWith('-'));
for (const stream of [process.stdout, process.stderr]) {
  stream.on('error', (error: NodeJS.ErrnoException) => {
    if (error.code !== 'EPIPE' && error.code !== 'ERR_STREAM_DESTROYED') {
      const where = stream === process.stdout ? 'standard output' : 'standard error';
      process.stderr.write(`error ${where}: ${reasonOf(error)}\n`);
      process.exit(1);
    }
    // A reader that has seen enough (| head) is no failure.
    if (verb === undefined || spoken.has(verb)) process.exit(0);
  });
}
// Without a listener the system ends a process that writes beyond "ulimit -f"; with one, the write fails and is told.
process.on('SIGXFSZ', () => undefined);
const worker = { file: fileURLToPath(import.meta.url), args: [workerVerbName] };
process.exitCode = await main(args, defaultContext, labVerbs(worker));
