// The command line with the stand-in engine behind it; FAKE_ENGINE holds its options as JSON.
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { OpenEngine } from '../../src/engine/engine.ts';
import { labVerbs } from '../../lab/cli/verbs.ts';
import { main } from '../../src/cli/program.ts';
import { fakeEngine } from './fake-engine.ts';
import type { FakeOptions } from './fake-engine.ts';

const openEngine: OpenEngine = async ({ seed = 0, adapterDir }) => {
  const weights = adapterDir === undefined ? null : join(adapterDir, 'adapter_model.safetensors');
  const start = weights === null ? undefined : await readFile(weights);
  const options = JSON.parse(process.env['FAKE_ENGINE'] ?? '{}') as Partial<FakeOptions>;
  return fakeEngine({ ...options, seed, start });
};

process.exitCode = await main(
  process.argv.slice(2),
  { stdout: process.stdout, stderr: process.stderr, openEngine },
  labVerbs(),
);
