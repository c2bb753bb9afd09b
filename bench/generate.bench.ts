// Tokens a second of greedy generation against transformers' `generate`, on the same prompts, taking turns.
//   node scripts/run-ts.mjs bench/generate.bench.ts --model DIR --rows rows.json --python PYTHON [--rounds 5]
//     [--base_dtype int8 --base_compute int8] [--kinds "one alone,eight alike"]
//     [--peer "llama.cpp node bench/peers/llama_cpp.mjs FOLDER MODEL.gguf"]
// DIR and rows.json come from bench/peers/make_checkpoint.py and rows.py. Kinds of work: one prompt that is continued by
// --tokens tokens, eight of them side by side, and 32 prompts whose responses end at lengths from 8 to --tokens, as real
// ones do. With --base_dtype a side "DTYPE/COMPUTE" is ours in few bits, beside "ours" in float32.
import { cpus } from 'node:os';
import { parseArgs } from 'node:util';
import { createRandom } from '../src/random.ts';
import { ourGeneration, transformers } from './commands.ts';
import type { Side } from './sides.ts';
import { load, median, openSide, turnOf } from './sides.ts';
import type { GenerationAnswer, GenerationWork } from './work.ts';
import { newTokens, pickPrompts, readRows } from './work.ts';

const { values: args } = parseArgs({
  options: {
    model: { type: 'string' },
    rows: { type: 'string' },
    python: { type: 'string', default: 'python3' },
    rounds: { type: 'string', default: '5' },
    tokens: { type: 'string', default: '128' },
    threads: { type: 'string', default: '2' },
    /** Sequences side by side on our side. */
    slots: { type: 'string', default: '8' },
    /** Another process that speaks the protocol of generate-worker.ts, as a command line; may be given often. */
    peer: { type: 'string', multiple: true, default: [] },
    only: { type: 'string' },
    kinds: { type: 'string' },
    base_dtype: { type: 'string' },
    base_compute: { type: 'string', default: 'float32' },
  },
});
if (!args.model || !args.rows) throw new Error('--model and --rows are needed');
const [model, rowsFile, threads, most] = [args.model, args.rows, args.threads, Number(args.tokens)];

const rows = readRows(rowsFile);
const pick = (round: number, count: number): number[][] => pickPrompts(rows, round, count);

const kinds: Record<string, (round: number) => GenerationWork> = {
  'one alone': (round) => ({ prompts: pick(round, 1), limits: [most] }),
  'eight alike': (round) => ({ prompts: pick(round, 8), limits: new Array<number>(8).fill(most) }),
  'thirty-two that end': (round) => {
    const random = createRandom(round);
    const limits = Array.from({ length: 32 }, () => 8 + random.below(most - 7));
    return { prompts: pick(round, 32), limits };
  },
};

const place = { model, threads, python: args.python };
const fewBits = `${args.base_dtype}/${args.base_compute}`;
const commands: Record<string, readonly string[]> = {
  ours: ourGeneration(place, args.slots),
  ...(args.base_dtype && {
    [fewBits]: ourGeneration(place, args.slots, fewBits),
  }),
  transformers: transformers(place),
  ...Object.fromEntries(args.peer.map((line) => [line.split(' ')[0]!, line.split(' ').slice(1)])),
};
const names = (args.only ?? Object.keys(commands).join(',')).split(',');
const sides: Side<GenerationWork, GenerationAnswer>[] = [];
for (const name of names) sides.push(await openSide(name, commands[name]!));
console.log(`${cpus()[0]!.model}, ${threads} threads, load ${load().toFixed(2)}`);
for (const side of sides) await side.ask({ prompts: pick(99, 2), limits: [4, 4] });

const wanted = args.kinds?.split(',') ?? Object.keys(kinds);
for (const [kind, workOf] of Object.entries(kinds).filter(([name]) => wanted.includes(name))) {
  const speeds = new Map<string, number[]>(names.map((name) => [name, []]));
  const equal = new Map<string, number>(names.map((name) => [name, 0]));
  let compared = 0;
  for (let round = 0; round < Number(args.rounds); round++) {
    const work = workOf(round);
    const answers = new Map<string, GenerationAnswer>();
    for (const side of turnOf(sides, round)) {
      const answer = await side.ask(work);
      answers.set(side.name, answer);
      speeds.get(side.name)!.push(newTokens(answer) / answer.seconds);
    }
    const own = answers.get('ours');
    compared += own?.ids.length ?? 0;
    for (const [name, { ids }] of answers) {
      const same = ids.filter((row, i) => row.join() === own?.ids[i]?.join()).length;
      equal.set(name, equal.get(name)! + same);
    }
    const all = [...answers]
      .map(([name, a]) => `${name} ${(newTokens(a) / a.seconds).toFixed(1)}`)
      .join(', ');
    const gib = [...answers]
      .map(([name, a]) => `${name} ${(a.peak_rss_bytes / 2 ** 30).toFixed(2)} GiB`)
      .join(', ');
    console.log(`${kind}, round ${round}: ${all} tokens/s; peak ${gib}; load ${load().toFixed(2)}`);
  }
  const ours = speeds.get('ours');
  for (const [name, list] of speeds) {
    const ratios = ours ? list.map((speed, i) => ours[i]! / speed) : [NaN];
    console.log(
      `${kind}: ${name.padEnd(14)} ${median(list).toFixed(1)} tokens/s by median; ours is ` +
        `${median(ratios).toFixed(2)}x (${Math.min(...ratios).toFixed(2)} to ${Math.max(...ratios).toFixed(2)}); ` +
        `${equal.get(name)} of ${compared} responses equal ours`,
    );
  }
}
/** Of greedy texts: how long they are the same, and how far log-probs are apart until then. */
async function compareBits(plain: (typeof sides)[number], few: typeof plain): Promise<void> {
  const work = { prompts: pick(0, 64), limits: new Array<number>(64).fill(32), log_probs: true };
  const [a, b] = [await plain.ask(work), await few.ask(work)];
  const same = a.ids.map((row, i) => {
    const parts = row.findIndex((id, k) => id !== b.ids[i]![k]);
    return parts < 0 ? row.length : parts;
  });
  const apart = same.flatMap((count, i) =>
    a.log_probs![i]!.slice(0, count).map((logProb, k) => Math.abs(logProb - b.log_probs![i]![k]!)),
  );
  console.log(
    `${few.name}: ${apart.length} of ${newTokens(a)} greedy tokens come before the first that differs from ours, ` +
      `${same.filter((count, i) => count === a.ids[i]!.length).length} of ${same.length} texts are equal; log-probs ` +
      `differ by ${(apart.reduce((x, y) => x + y, 0) / apart.length).toFixed(4)} nats by mean, ${Math.max(...apart).toFixed(3)} at most`,
  );
}
const few = sides.filter(({ name }) => /^int[48]\//.test(name));
const own = sides.find(({ name }) => name === 'ours');
if (own) for (const side of few) await compareBits(own, side);
for (const side of sides) side.stop();
