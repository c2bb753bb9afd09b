// The whole table of speeds: devices by precisions by sizes, in training and in generation, beside PyTorch, transformers and
// llama.cpp. Everything takes turns, round by round, each turn in a process of its own, so that no two need fit into memory.
//   node scripts/run-ts.mjs bench/table.bench.ts --sizes "135M=DIR,1.1B=DIR" --rows rows.json --python PYTHON
//     [--rounds 3] [--work step,alone,eight] [--devices cpu,webgpu] [--precisions float32,int8/int8]
//     [--llama FOLDER --gguf "135M/float32=FILE,135M/Q8_0=FILE"] [--keep readings.json] [--readme README.md]
// Models and rows come from bench/peers (make_checkpoint.py, random_model.py, make_gguf.py, rows.py). Devices are all that
// this machine has, unless named. With --keep the rounds add to those that the file holds; --rounds 0 prints what it holds.
// Prints the table as Markdown, and with --readme writes it between the two marks there.
import { writeFileSync } from 'node:fs';
import { cpus } from 'node:os';
import { parseArgs } from 'node:util';
import { devices, problemOf } from '../src/engine/device.ts';
import { llamaCpp, ourGeneration, ourStep, peerStep, transformers } from './commands.ts';
import { load, openSide, turnOf } from './sides.ts';
import type { Reading, WorkKind } from './table.ts';
import { nextRound, readReadings, toMarkdown, writeBlock } from './table.ts';
import type { GenerationAnswer, GenerationWork, StepAnswer } from './work.ts';
import { meanTokens, newTokens, pickPrompts, readRows, sampleBatches } from './work.ts';

const { values: args } = parseArgs({
  options: {
    sizes: { type: 'string' },
    rows: { type: 'string' },
    python: { type: 'string', default: 'python3' },
    rounds: { type: 'string', default: '3' },
    batch_size: { type: 'string', default: '4' },
    tokens: { type: 'string', default: '64' },
    threads: { type: 'string', default: '2' },
    work: { type: 'string', default: 'step,alone,eight' },
    devices: { type: 'string' },
    precisions: { type: 'string', default: 'float32,float16,int8,int4,int8/int8,int4/int8' },
    /** PyTorch loops by file name; "transformers" is its `generate`. */
    peers: { type: 'string', default: 'best_torch,released_style,transformers' },
    llama: { type: 'string' },
    gguf: { type: 'string', default: '' },
    keep: { type: 'string' },
    readme: { type: 'string' },
  },
});
if (!args.sizes || !args.rows) throw new Error('--sizes and --rows are needed');
const list = (text: string): string[] => text.split(',').filter((part) => part !== '');
const pairs = (text: string): [string, string][] =>
  list(text).map((part) => [part.slice(0, part.indexOf('=')), part.slice(part.indexOf('=') + 1)]);
const [rounds, batchSize, tokens] = [args.rounds, args.batch_size, args.tokens].map(Number) as [
  number,
  number,
  number,
];
const rows = readRows(args.rows);
// The same batches whatever the number of rounds, so that rounds can be added.
const batches = sampleBatches(rows, 8, batchSize);
const slots = '8';

/** Names that the table has for the programs of bench/peers. */
const peerNames: Readonly<Record<string, string>> = {
  best_torch: 'PyTorch (b)',
  released_style: 'PyTorch (a)',
  transformers: 'transformers',
};

interface Contender {
  readonly device: string;
  readonly side: string;
  readonly step: readonly string[] | null;
  readonly generation: readonly string[] | null;
}

async function foundDevices(): Promise<string[]> {
  if (args.devices) return list(args.devices);
  const found: string[] = [];
  for (const device of devices) if ((await problemOf(device)) === null) found.push(device);
  return found.sort((a, b) => Number(b === 'cpu') - Number(a === 'cpu'));
}

async function contendersOf(size: string, model: string): Promise<Contender[]> {
  const place = { model, rows: args.rows!, threads: args.threads, python: args.python };
  const ours = (await foundDevices()).flatMap((device) =>
    // Arithmetic in int8 is the CPU's.
    list(args.precisions)
      .filter((precision) => device === 'cpu' || !precision.includes('/'))
      .map((precision) => ({
        ...{ device, side: precision },
        step: ourStep(place, precision, device),
        generation: ourGeneration(place, slots, precision, device),
      })),
  );
  const others = list(args.peers).map((peer) => ({
    ...{ device: 'cpu', side: peerNames[peer] ?? peer },
    step: peer === 'transformers' ? null : peerStep(place, peer),
    generation: peer === 'transformers' ? transformers(place) : null,
  }));
  const llamas = pairs(args.llama ? args.gguf : '')
    .filter(([name]) => name.startsWith(`${size}/`))
    .map(([name, file]) => ({
      ...{ device: 'cpu', side: `llama.cpp ${name.slice(size.length + 1)}`, step: null },
      generation: llamaCpp(place, args.llama!, file, slots),
    }));
  return [...ours, ...others, ...llamas];
}

interface Turn {
  readonly speed: number;
  readonly peakBytes: number;
}

/** One batch, after a first one of a row that warms up. */
async function stepTurn(name: string, command: readonly string[], round: number): Promise<Turn> {
  const side = await openSide<readonly number[], StepAnswer>(name, command);
  const batch = batches[round % batches.length]!;
  await side.ask(batch.slice(0, 1));
  const { seconds, peak_rss_bytes } = await side.ask(batch);
  side.stop();
  return { speed: batch.length / seconds, peakBytes: peak_rss_bytes };
}

async function generationTurns(
  name: string,
  command: readonly string[],
  asked: readonly { work: 'alone' | 'eight'; round: number }[],
): Promise<Turn[]> {
  const side = await openSide<GenerationWork, GenerationAnswer>(name, command);
  await side.ask({ prompts: pickPrompts(rows, 99, 2), limits: [4, 4] });
  const turns: Turn[] = [];
  for (const { work, round } of asked) {
    const count = work === 'alone' ? 1 : 8;
    const limits = new Array<number>(count).fill(tokens);
    const answer = await side.ask({ prompts: pickPrompts(rows, round, count), limits });
    turns.push({ speed: newTokens(answer) / answer.seconds, peakBytes: answer.peak_rss_bytes });
  }
  side.stop();
  return turns;
}

const readings = readReadings(args.keep);
const add = (reading: Reading): void => {
  readings.push(reading);
  if (args.keep) writeFileSync(args.keep, JSON.stringify(readings, null, 1));
  const { size, work, device, side, round, speed, load: busy } = reading;
  console.error(
    `${size}, ${work}, round ${round}: ${device} ${side} ${speed.toFixed(2)}; load ${busy.toFixed(1)}`,
  );
};

for (const [size, model] of pairs(args.sizes)) {
  const contenders = await contendersOf(size, model);
  const first = (work: WorkKind): number => nextRound(readings, size, work);
  const start = { step: first('step'), alone: first('alone'), eight: first('eight') };
  for (let i = 0; i < rounds; i++) {
    for (const { device, side, step, generation } of turnOf(contenders, i)) {
      const name = `${device} ${side}`;
      const from = { size, device, side };
      if (step && list(args.work).includes('step')) {
        const round = start.step + i;
        const busy = load();
        add({ ...from, work: 'step', round, load: busy, ...(await stepTurn(name, step, round)) });
      }
      const asked = (['alone', 'eight'] as const)
        .filter((work) => list(args.work).includes(work))
        .map((work) => ({ work, round: start[work] + i }));
      if (generation && asked.length > 0) {
        const busy = load();
        const turns = await generationTurns(name, generation, asked);
        for (const [k, turn] of turns.entries()) add({ ...from, ...asked[k]!, load: busy, ...turn });
      }
    }
  }
}

const counted = new Set(readings.map(({ round }) => round)).size;
const busiest = Math.max(...readings.map((r) => r.load));
const mean = meanTokens(batches.flat().map((i) => rows[i]!)).toFixed(0);
const text = [
  `${cpus()[0]!.model}, ${args.threads} threads; medians of ${counted} rounds, in brackets the median of the ratios to float32 on the CPU in the same round. ` +
    `Training: a batch of ${batchSize} rows of judged-iter1 (${mean} tokens a triplet); generation: ${tokens} tokens, prompts of up to 400, whose reading counts. ` +
    `Peak: of training, of generation. Load of the machine before a turn: ${busiest.toFixed(1)} at most.`,
  toMarkdown(readings),
].join('\n\n');
console.log(text);
if (args.readme) writeBlock(args.readme, text);
