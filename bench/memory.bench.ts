// What a process takes at its peak, each job in a process of its own, against what was estimated before it.
//   node scripts/run-ts.mjs bench/memory.bench.ts [--tokens 1024] [--response 256] [--kinds train,score,generate]
//     [--dtypes float32,int8,int8-int8,int4,float16] [--prepack yes|no] MODEL...
// A dtype is that of the weights, with that of the arithmetic behind it; float16 is --compute_dtype.
// --kinds weights: bytes a parameter of weights that are resident once a sequence of so many tokens was scored, those that are
// mapped from a file and those that belong to none, beyond what the same model has in float32 (mapped, without copies).
// Models come from bench/peers/random_model.py. Prints a table of MiB, as dev/LOG.md has it.
import { spawnSync } from 'node:child_process';
import { basename } from 'node:path';
import { parseArgs } from 'node:util';
import type { MemoryJob } from './memory-worker.ts';

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    tokens: { type: 'string', default: '1024' },
    response: { type: 'string', default: '256' },
    kinds: { type: 'string', default: 'train,score,generate' },
    dtypes: { type: 'string', default: 'float32,int8,int4' },
    prepack: { type: 'string' },
  },
});
const prepack = values.prepack === undefined ? null : values.prepack === 'yes';
const [tokens, responseTokens] = [Number(values.tokens), Number(values.response)];
const mebibytes = (bytes: number): string => (bytes / 2 ** 20).toFixed(0);

interface Measured {
  readonly estimate: number;
  readonly opened: number;
  readonly peak: number;
  readonly weights: { readonly parameters: number; readonly mapped: number; readonly anonymous: number };
}

function measure(model: string, kind: MemoryJob['kind'], dtype: string): Measured {
  const job: MemoryJob = { model, kind, prepack, ...precisionOf(dtype), tokens, responseTokens };
  const runner = ['scripts/run-ts.mjs', 'bench/memory-worker.ts', JSON.stringify(job)];
  // A first opening in few bits quantizes, which is another process's peak.
  if (dtype !== 'float32')
    spawnSync(process.execPath, [...runner.slice(0, 2), JSON.stringify({ ...job, kind: 'open' })]);
  const { stdout, stderr } = spawnSync(process.execPath, runner, { encoding: 'utf8' });
  if (!stdout) throw new Error(stderr);
  return JSON.parse(stdout) as Measured;
}

const kinds = values.kinds.split(',') as MemoryJob['kind'][];
const dtypes = values.dtypes.split(',');
const row = (...cells: readonly (string | number)[]): void => console.log(`| ${cells.join(' | ')} |`);

if (kinds.includes('weights')) {
  row('model', 'weights', 'parameters', 'mapped, bytes a parameter', 'beside them, beyond float32');
  row(...Array.from({ length: 5 }, () => '---'));
  for (const model of positionals) {
    const plain = measure(model, 'weights', 'float32').weights.anonymous;
    for (const dtype of dtypes) {
      const { parameters, mapped, anonymous } = measure(model, 'weights', dtype).weights;
      const figures = [mapped, anonymous - plain].map((bytes) => (bytes / parameters).toFixed(3));
      row(basename(model), dtype, parameters, ...figures);
    }
  }
} else {
  row(
    'model',
    'work',
    'weights',
    'tokens, of them response',
    'opened',
    'estimate',
    'peak',
    'estimate / peak',
  );
  row(...Array.from({ length: 8 }, () => '---'));
  for (const model of positionals) {
    for (const kind of kinds) {
      for (const dtype of dtypes) {
        const { estimate, opened, peak } = measure(model, kind, dtype);
        const figures = [...[opened, estimate, peak].map(mebibytes), (estimate / peak).toFixed(2)];
        row(basename(model), kind, dtype, `${tokens}, ${responseTokens}`, ...figures);
      }
    }
  }
}

function precisionOf(dtype: string): Pick<MemoryJob, 'baseDtype' | 'baseCompute' | 'computeDtype'> {
  const [first, compute = 'float32'] = dtype.split('-') as [string, MemoryJob['baseCompute']?];
  return first === 'float16'
    ? { baseDtype: 'float32', baseCompute: 'float32', computeDtype: 'float16' }
    : { baseDtype: first as MemoryJob['baseDtype'], baseCompute: compute, computeDtype: 'float32' };
}
