// The command line with the stand-in engine behind it; FAKE_ENGINE holds its options as JSON.
import { labVerbs } from '../../lab/cli/verbs.ts';
import { main } from '../../src/cli/program.ts';
import { watchStreams } from '../../src/cli/standard-streams.ts';
import { openFromEnvironment } from './fake-open.ts';

const args = process.argv.slice(2);
watchStreams(args);
process.exitCode = await main(
  args,
  { stdout: process.stdout, stderr: process.stderr, openEngine: openFromEnvironment },
  labVerbs(),
);
