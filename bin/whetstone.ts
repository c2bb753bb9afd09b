#!/usr/bin/env node
// The whetstone command: the verbs of src/cli, and those of the lab.
import { fileURLToPath } from 'node:url';
import { defaultContext, main, sayUncaught } from '../src/cli/program.ts';
import { workerVerbName } from '../lab/cli/reproduce.ts';
import { watchStreams } from '../src/cli/standard-streams.ts';
import { labVerbs } from '../lab/cli/verbs.ts';

const args = process.argv.slice(2);
watchStreams(args);
// Without a listener the system ends a process that writes beyond "ulimit -f"; with one, the write fails and is told.
process.on('SIGXFSZ', () => undefined);
process.on('uncaughtException', (error) => {
  // One mistake is told once: what a verb could not do may fail a second time where nobody waits for it.
  if (!process.exitCode) sayUncaught(error);
  process.exit(1);
});
const worker = { file: fileURLToPath(import.meta.url), args: [workerVerbName] };
process.exitCode = await main(args, defaultContext, labVerbs(worker));
