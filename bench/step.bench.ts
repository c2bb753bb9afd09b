// Training steps per second against PyTorch, on identical token rows, taking turns batch by batch.
//   node scripts/run-ts.mjs bench/step.bench.ts --model DIR --rows rows.json --python PYTHON [--batches 6]
//     [--only ours,ours-int8,ours-int4,ours-int8-int8,ours-torch,best_torch,released_style,worker_loop]
// ours-A-B has --base_dtype A and --base_compute B; ours-torch is the engine torch, one rank, on the Python of WHETSTONE_PYTHON, and
// worker_loop what its worker does without Whetstone. Times are compared with those of the first that is named.
// DIR and rows.json come from bench/peers/make_checkpoint.py and rows.py. Prints a table and one JSON line.
import { spawnSync } from 'node:child_process';
import { cpus } from 'node:os';
import { parseArgs } from 'node:util';
import { compile } from '../src/engine/session.ts';
import { constant, dim, gemm, input } from '../src/graph/index.ts';
import { readDecoderConfig } from '../src/models/index.ts';
import { ourStep, peerStep } from './commands.ts';
import type { Side } from './sides.ts';
import { median, openSide, turnOf } from './sides.ts';
import type { Row, StepAnswer } from './work.ts';
import { meanTokens, readRows, sampleBatches, tokensOf } from './work.ts';

const { values: args } = parseArgs({
  options: {
    model: { type: 'string' },
    rows: { type: 'string' },
    python: { type: 'string', default: 'python3' },
    batches: { type: 'string', default: '6' },
    batch_size: { type: 'string', default: '8' },
    threads: { type: 'string', default: '2' },
    only: { type: 'string', default: 'ours,best_torch,released_style' },
    peak: { type: 'boolean', default: false },
  },
});
if (!args.model || !args.rows) throw new Error('--model and --rows are needed');
const [model, rowsFile, threads] = [args.model, args.rows, args.threads];

const rows = readRows(rowsFile);
const place = { model, rows: rowsFile, threads, python: args.python };

const start = (name: string): Promise<Side<readonly number[], StepAnswer>> =>
  openSide(
    name,
    name.startsWith('ours')
      ? ourStep(place, name.split('-').slice(1).join('/') || 'float32')
      : peerStep(place, name),
  );

/** Floating-point operations of a step, products only: every one of them is needed for the exact gradient. */
async function usefulFlops(row: Row): Promise<number> {
  const c = await readDecoderConfig(model);
  const perToken =
    c.hiddenSize * c.headDim * (2 * c.heads + 2 * c.kvHeads) + 3 * c.hiddenSize * c.intermediateSize;
  const one = (tokens: number, response: number): number =>
    // Forward and backward to the inputs: two products a weight. Causal attention: half of seven products.
    4 * tokens * c.layers * perToken +
    7 * tokens * tokens * c.heads * c.headDim * c.layers +
    4 * response * c.hiddenSize * c.vocabSize;
  const response = row.plain_ids.length - row.plain_response_start;
  return one(row.plain_ids.length, response) + (row.judged_ids ? one(row.judged_ids.length, response) : 0);
}

/** The machine's own product speed in FLOP/s: the MLP's shape, prepacked, 1024 rows, best of many. */
async function gemmSpeed(): Promise<number> {
  const [m, k, n, layers] = [1024, 576, 1536, 12];
  let x = input('x', 'float32', [dim('rows'), k]);
  for (let i = 0; i < layers; i++) {
    const [a, b] = i % 2 === 0 ? [k, n] : [n, k];
    x = gemm(
      x,
      constant(
        Array.from({ length: a * b }, (_, j) => ((j * 7919) % 101) / 5000),
        'float32',
        [a, b],
      ),
    );
  }
  const session = await compile({ y: x }, { threads: Number(threads), prepack: true });
  const feed = { x: { data: new Float32Array(m * k).fill(0.01), dims: [m, k] } };
  const times: number[] = [];
  for (let i = 0; i < 12; i++) {
    const began = performance.now();
    await session.run(feed);
    times.push((performance.now() - began) / 1000);
  }
  await session.release();
  return (layers * 2 * m * k * n) / Math.min(...times);
}

const batches = sampleBatches(rows, Number(args.batches), Number(args.batch_size));
const names = args.only.split(',');
console.log(
  `${cpus()[0]!.model}, ${threads} threads, ${batches.flat().length} of ${rows.length} rows in ${batches.length} batches`,
);
console.log(
  `tokens a triplet: ${meanTokens(batches.flat().map((i) => rows[i]!)).toFixed(0)} in the sample, ${meanTokens(rows).toFixed(0)} in the file`,
);

if (args.peak) {
  // Peak memory on the longest row, each side alone in a fresh process.
  const longest = rows
    .map((_, i) => i)
    .sort((a, b) => rows[b]!.plain_ids.length - rows[a]!.plain_ids.length)[0]!;
  for (const name of names) {
    const side = await start(name);
    const { peak_rss_bytes, seconds } = await side.ask([longest]);
    console.log(
      `${name}: peak ${(peak_rss_bytes / 2 ** 30).toFixed(2)} GiB on row ${longest} (${tokensOf(rows[longest]!)} tokens), ${seconds.toFixed(1)} s`,
    );
    side.stop();
  }
} else {
  const sides = [];
  for (const name of names) sides.push(await start(name));
  // A first batch warms every side up and is not counted.
  for (const side of sides) await side.ask(batches[0]!);
  const speeds: number[] = [];
  const times = new Map<string, number[]>(names.map((name) => [name, []]));
  const peaks = new Map<string, number>();
  for (const [round, batch] of batches.entries()) {
    speeds.push(await gemmSpeed());
    for (const side of turnOf(sides, round)) {
      const { seconds, peak_rss_bytes } = await side.ask(batch);
      times.get(side.name)!.push(seconds);
      peaks.set(side.name, peak_rss_bytes);
    }
    console.log(
      `round ${round}: ${names.map((n) => `${n} ${times.get(n)![round]!.toFixed(2)} s`).join(', ')}, GEMM ${(speeds[round]! / 1e9).toFixed(0)} GFLOP/s`,
    );
  }
  const first = times.get(names[0]!)!;
  const flops = await Promise.all(
    batches.map(async (b) =>
      (await Promise.all(b.map((i) => usefulFlops(rows[i]!)))).reduce((x, y) => x + y, 0),
    ),
  );
  for (const name of names) {
    const mine = times.get(name)!;
    const total = mine.reduce((a, b) => a + b, 0);
    const share = median(mine.map((s, i) => flops[i]! / s / speeds[i]!));
    const ratio = median(mine.map((s, i) => s / first[i]!));
    console.log(
      `${name.padEnd(16)} ${(batches.flat().length / total).toFixed(3)} triplets/s, ${(100 * share).toFixed(0)}% of GEMM speed, ` +
        `${ratio.toFixed(3)}x the time of ${names[0]}, peak ${(peaks.get(name)! / 2 ** 30).toFixed(2)} GiB`,
    );
  }
  console.log(
    JSON.stringify({
      times: Object.fromEntries(times),
      speeds,
      flops,
      load: spawnSync('uptime').stdout.toString().trim(),
    }),
  );
  for (const side of sides) side.stop();
}
