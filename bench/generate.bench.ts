// Tokens a second of greedy generation against transformers' `generate`, on the same prompts, taking turns.
//   node scripts/run-ts.mjs bench/generate.bench.ts --model DIR --rows rows.json --python PYTHON [--rounds 5]
//     [--base_dtype int8 --base_compute int8] [--kinds "one alone,eight alike"]
//     [--peer "llama.cpp node bench/peers/llama_cpp.mjs FOLDER MODEL.gguf"]
// DIR and rows.json come from bench/peers/make_checkpoint.py and rows.py. Kinds of work: one prompt that is continued by
// --tokens tokens, eight of them side by side, and 32 prompts whose responses end at lengths from 8 to --tokens, as real
// ones do. With --base_dtype a side "DTYPE/COMPUTE" is ours in few bits, beside "ours" in float32.
import type { ChildProcess } from 'node:child_process';
import { spawn } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { cpus, loadavg } from 'node:os';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { createRandom } from '../src/random.ts';

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

interface Work {
  readonly prompts: number[][];
  readonly limits: number[];
  readonly log_probs?: boolean;
}
interface Answer {
  readonly seconds: number;
  readonly log_probs?: number[][];
  readonly ids: number[][];
  readonly peak_rss_bytes: number;
}
interface Side {
  readonly name: string;
  ask(work: Work): Promise<Answer>;
  stop(): void;
}

interface Row {
  readonly plain_ids: number[];
  readonly plain_response_start: number;
}
const rows = JSON.parse(readFileSync(rowsFile, 'utf8')) as Row[];
const prompts = rows
  .map(({ plain_ids, plain_response_start }) => plain_ids.slice(0, plain_response_start))
  .filter(({ length }) => length <= 400);
const pick = (round: number, count: number): number[][] =>
  Array.from({ length: count }, (_, i) => prompts[(round * count + i * 7) % prompts.length]!);

const kinds: Record<string, (round: number) => Work> = {
  'one alone': (round) => ({ prompts: pick(round, 1), limits: [most] }),
  'eight alike': (round) => ({ prompts: pick(round, 8), limits: new Array<number>(8).fill(most) }),
  'thirty-two that end': (round) => {
    const random = createRandom(round);
    const limits = Array.from({ length: 32 }, () => 8 + random.below(most - 7));
    return { prompts: pick(round, 32), limits };
  },
};

async function start(name: string, command: readonly string[]): Promise<Side> {
  const child: ChildProcess = spawn(command[0]!, command.slice(1), { stdio: ['pipe', 'pipe', 'ignore'] });
  const lines = createInterface({ input: child.stdout! })[Symbol.asyncIterator]();
  const next = async (): Promise<unknown> => {
    for (;;) {
      const { value } = (await lines.next()) as { value: string | undefined };
      if (value === undefined) throw new Error(`${name} ended`);
      if (value.startsWith('{')) return JSON.parse(value);
    }
  };
  await next();
  return {
    name,
    ask: async (work) => {
      child.stdin!.write(`${JSON.stringify(work)}\n`);
      return (await next()) as Answer;
    },
    stop: () => void child.stdin!.end(),
  };
}

const median = (list: readonly number[]): number =>
  [...list].sort((a, b) => a - b)[Math.floor(list.length / 2)]!;
const tokensOf = ({ ids }: Answer): number => ids.reduce((sum, row) => sum + row.length, 0);

const peers = fileURLToPath(new URL('../bench/peers/', import.meta.url));
const worker = (...bits: readonly string[]): readonly string[] => [
  ...[process.execPath, 'scripts/run-ts.mjs', 'bench/generate-worker.ts', model, threads, args.slots],
  ...bits,
];
const commands: Record<string, readonly string[]> = {
  ours: worker(),
  ...(args.base_dtype && {
    [`${args.base_dtype}/${args.base_compute}`]: worker(args.base_dtype, args.base_compute),
  }),
  transformers: [args.python, `${peers}generate.py`, '--model', model, '--threads', threads],
  ...Object.fromEntries(args.peer.map((line) => [line.split(' ')[0]!, line.split(' ').slice(1)])),
};
const names = (args.only ?? Object.keys(commands).join(',')).split(',');
const sides: Side[] = [];
for (const name of names) sides.push(await start(name, commands[name]!));
console.log(`${cpus()[0]!.model}, ${threads} threads, load ${loadavg()[0]!.toFixed(2)}`);
for (const side of sides) await side.ask({ prompts: pick(99, 2), limits: [4, 4] });

const wanted = args.kinds?.split(',') ?? Object.keys(kinds);
for (const [kind, workOf] of Object.entries(kinds).filter(([name]) => wanted.includes(name))) {
  const speeds = new Map<string, number[]>(names.map((name) => [name, []]));
  const equal = new Map<string, number>(names.map((name) => [name, 0]));
  let compared = 0;
  for (let round = 0; round < Number(args.rounds); round++) {
    const work = workOf(round);
    const answers = new Map<string, Answer>();
    for (const [i] of sides.entries()) {
      const side = sides[(i + round) % sides.length]!;
      const answer = await side.ask(work);
      answers.set(side.name, answer);
      speeds.get(side.name)!.push(tokensOf(answer) / answer.seconds);
    }
    const own = answers.get('ours');
    compared += own?.ids.length ?? 0;
    for (const [name, { ids }] of answers) {
      const same = ids.filter((row, i) => row.join() === own?.ids[i]?.join()).length;
      equal.set(name, equal.get(name)! + same);
    }
    const all = [...answers].map(([name, a]) => `${name} ${(tokensOf(a) / a.seconds).toFixed(1)}`).join(', ');
    const gib = [...answers]
      .map(([name, a]) => `${name} ${(a.peak_rss_bytes / 2 ** 30).toFixed(2)} GiB`)
      .join(', ');
    console.log(`${kind}, round ${round}: ${all} tokens/s; peak ${gib}; load ${loadavg()[0]!.toFixed(2)}`);
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
async function compareBits(plain: Side, few: Side): Promise<void> {
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
    `${few.name}: ${apart.length} of ${tokensOf(a)} greedy tokens come before the first that differs from ours, ` +
      `${same.filter((count, i) => count === a.ids[i]!.length).length} of ${same.length} texts are equal; log-probs ` +
      `differ by ${(apart.reduce((x, y) => x + y, 0) / apart.length).toFixed(4)} nats by mean, ${Math.max(...apart).toFixed(3)} at most`,
  );
}
const few = sides.filter(({ name }) => /^int[48]\//.test(name));
const own = sides.find(({ name }) => name === 'ours');
if (own) for (const side of few) await compareBits(own, side);
for (const side of sides) side.stop();
