// Training every weight, as the world's pretraining does, against a plain PyTorch loop on the same documents, taking turns.
//   node scripts/run-ts.mjs bench/pretrain.bench.ts --python PYTHON [--model models/world-128] [--rounds 9] [--steps 5]
//     [--threads 1]
// A turn is some optimizer steps on batches of at least 320 predicted tokens of the world's documents. Prints milliseconds a
// step, and the losses of both sides, which begin from the same weights and see the same rows.
import { writeFileSync, mkdtempSync, rmSync } from 'node:fs';
import { cpus, tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { documents } from '../lab/world/index.ts';
import { encodeDocument, pretrainDefaults } from '../lab/world/pretrain.ts';
import { loadTokenizer } from '../src/tokens/index.ts';
import { ourStep, peerStep } from './commands.ts';
import { load, median, openSide, turnOf } from './sides.ts';
import type { Row, StepAnswer } from './work.ts';

const { values: args } = parseArgs({
  options: {
    model: { type: 'string', default: 'models/world-128' },
    python: { type: 'string', default: 'python3' },
    rounds: { type: 'string', default: '9' },
    steps: { type: 'string', default: '5' },
    threads: { type: 'string', default: '1' },
    only: { type: 'string', default: 'ours,pretrain_torch' },
  },
});
const [rounds, steps] = [Number(args.rounds), Number(args.steps)];

const tokenizer = await loadTokenizer(args.model);
const rows: Row[] = [];
/** Row numbers of one optimizer step. */
const batches: number[][] = [];
const source = documents(7);
while (batches.length < (rounds + 1) * steps) {
  const batch: number[] = [];
  let predicted = 0;
  while (predicted < pretrainDefaults.batchTokens) {
    const { ids, responseStart } = await encodeDocument(source.next().value, tokenizer);
    predicted += ids.length - responseStart;
    batch.push(rows.length);
    const [plain_ids, index] = [[...ids], rows.length];
    rows.push({
      index,
      plain_ids,
      plain_response_start: responseStart,
      judged_ids: null,
      judged_response_start: null,
    });
  }
  batches.push(batch);
}

const folder = mkdtempSync(join(tmpdir(), 'whetstone-pretrain-'));
const rowsFile = join(folder, 'rows.json');
writeFileSync(rowsFile, JSON.stringify(rows));
const place = { model: args.model, rows: rowsFile, threads: args.threads, python: args.python };
const sides = [];
for (const name of args.only.split(','))
  sides.push(
    await openSide<readonly number[], StepAnswer & { readonly loss: number }>(
      name,
      name === 'ours' ? [...ourStep(place), 'everything'] : peerStep(place, name),
    ),
  );

const times = new Map<string, number[]>(sides.map(({ name }) => [name, []]));
const losses = new Map<string, number[]>(sides.map(({ name }) => [name, []]));
for (let round = 0; round <= rounds; round++) {
  for (const side of turnOf(sides, round)) {
    for (const batch of batches.slice(round * steps, (round + 1) * steps)) {
      const { seconds, loss } = await side.ask(batch);
      losses.get(side.name)!.push(loss);
      // The first round warms up.
      if (round > 0) times.get(side.name)!.push(seconds * 1000);
    }
  }
}
for (const side of sides) side.stop();
rmSync(folder, { recursive: true });

const tokens = rows.reduce((sum, { plain_ids }) => sum + plain_ids.length, 0) / batches.length;
console.log(
  `${cpus()[0]!.model}, ${args.threads} threads, ${rounds * steps} steps of ${tokens.toFixed(0)} tokens, load ${load().toFixed(1)}`,
);
const reference = times.get(sides.at(-1)!.name)!;
for (const { name } of sides) {
  const own = times.get(name)!;
  const ratio = median(own.map((time, i) => reference[i]! / time));
  console.log(
    `${name.padEnd(16)} ${median(own).toFixed(1)} ms a step (${Math.min(...own).toFixed(1)} to ${Math.max(...own).toFixed(1)}), ` +
      `${ratio.toFixed(2)}x as fast as ${sides.at(-1)!.name}; loss ${losses.get(name)![0]!.toFixed(5)} at first, ${losses.get(name)!.at(-1)!.toFixed(5)} at last`,
  );
}
